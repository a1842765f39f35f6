'use strict';

// Data that outlives its stack must not outlive a first deployment that failed: tables and buckets
// have names of their own, and what is left of them would refuse every deployment after it.

module.exports = class Keep {
  constructor(serverless) {
    this.hooks = { 'after:aws:package:finalize:mergeCustomProviderResources': () => this.run(serverless.service.provider) };
  }

  run(provider) {
    for (const resource of Object.values(provider.compiledCloudFormationTemplate.Resources)) {
      if (resource.DeletionPolicy === 'Retain') resource.DeletionPolicy = 'RetainExceptOnCreate';
    }
  }
};
