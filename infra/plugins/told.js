'use strict';

// What a deployment is not given goes back to its default: an address that was given once would lose its
// subscription with the next roll-out of an image, and nothing else would say so.

module.exports = class Told {
  constructor(serverless, options, { log }) {
    this.hooks = {
      'after:package:finalize': () => {
        const { stage, compiledCloudFormationTemplate } = serverless.service.provider;
        if (!compiledCloudFormationTemplate.Parameters.AlarmEmail.Default) {
          log.warning(
            `alarms of ${stage} will tell nobody: give alarmEmail at every deployment, or write it into infra/stages.yml`
          );
        }
      },
    };
  }
};
