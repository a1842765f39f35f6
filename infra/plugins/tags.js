'use strict';

// Puts the tags that cost allocation needs on every resource that can carry tags. CloudFormation
// would add a stack's own tags by itself, but not where one can see and test them.

const UNTAGGED = [
  'AWS::ApplicationAutoScaling::ScalingPolicy',
  'AWS::AutoScaling::WarmPool',
  'AWS::EC2::Route',
  'AWS::EC2::SubnetRouteTableAssociation',
  'AWS::EC2::VPCGatewayAttachment',
  'AWS::ECS::ClusterCapacityProviderAssociations',
  'AWS::IAM::InstanceProfile',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::Lambda::Permission',
  'AWS::Lambda::Url',
  'AWS::S3::BucketPolicy',
  'AWS::SNS::Subscription',
  'AWS::SNS::TopicPolicy',
  'AWS::SQS::QueuePolicy',
];
const AS_OBJECT = ['AWS::SSM::Parameter'];
const PROPERTY = { 'AWS::Budgets::Budget': 'ResourceTags' };

function tag(resource, common) {
  const properties = (resource.Properties = resource.Properties || {});
  const name = PROPERTY[resource.Type] || 'Tags';
  if (AS_OBJECT.includes(resource.Type)) {
    properties[name] = { ...common, ...properties[name] };
    return;
  }
  const own = properties[name] || [];
  const missing = Object.keys(common).filter((key) => !own.some((one) => one.Key === key));
  const launch = resource.Type === 'AWS::AutoScaling::AutoScalingGroup' ? { PropagateAtLaunch: true } : {};
  properties[name] = [...own, ...missing.map((Key) => ({ Key, Value: common[Key], ...launch }))];
}

function tagLaunched(resource, common) {
  for (const one of resource.Properties.LaunchTemplateData.TagSpecifications || []) {
    one.Tags = [...one.Tags, ...Object.entries(common).map(([Key, Value]) => ({ Key, Value }))];
  }
}

module.exports = class Tags {
  constructor(serverless) {
    this.hooks = { 'after:aws:package:finalize:mergeCustomProviderResources': () => this.run(serverless.service.provider) };
  }

  run(provider) {
    const common = { 'pilotlight-stage': provider.stage, 'pilotlight-worker': 'shared' };
    for (const resource of Object.values(provider.compiledCloudFormationTemplate.Resources)) {
      if (resource.Type === 'AWS::EC2::LaunchTemplate') {
        tagLaunched(resource, common);
        resource.Properties.TagSpecifications = [
          { ResourceType: 'launch-template', Tags: Object.entries(common).map(([Key, Value]) => ({ Key, Value })) },
        ];
      } else if (!UNTAGGED.includes(resource.Type)) {
        tag(resource, common);
      }
    }
  }
};
