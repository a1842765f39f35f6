'use strict';

// A stage's name is part of every other name: buckets take small letters alone, and a queue of the
// worker with the longest name has ten characters left for it.

const NAME = /^[a-z][a-z0-9-]{0,9}$/;

module.exports = class Stage {
  constructor(serverless) {
    this.hooks = {
      initialize: () => {
        const stage = serverless.service.provider.stage;
        if (!NAME.test(stage)) {
          throw new serverless.classes.Error(
            `"${stage}" cannot be a stage: give it up to ten small letters, digits and hyphens, a letter first`,
            'BAD_STAGE'
          );
        }
      },
    };
  }
};
