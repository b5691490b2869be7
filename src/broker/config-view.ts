// How settings look in DescribeConfigs and CreateTopics answers, and what the controller is told
// about them. Both read the same layers as the broker itself.
import type { ControllerPolicy } from '../cluster/decision.ts'
import type { ResolvedSetting, Settings } from '../config/settings.ts'
import { brokerConfigFault, listDefault } from '../config/settings.ts'
import { SettingTypeCode } from '../config/setting.ts'
import type { DescribeConfigsResourceResult } from '../wire/messages/32-describe-configs.ts'

/** One setting as Kafka describes it. A secret has no value. */
export const describedSetting = (
  resolved: ResolvedSetting,
  options: {
    readonly readOnly: boolean
    readonly synonyms: boolean
    readonly documentation: boolean
  },
): DescribeConfigsResourceResult => {
  const { setting, source, layers } = resolved
  const isSensitive = setting.type === 'password'
  const shown = (value: string | null): string | null => (isSensitive ? null : value)
  const note = setting.noEffect === undefined ? '' : ` Has no effect: ${setting.noEffect}`
  return {
    name: setting.name,
    value: shown(resolved.value),
    readOnly: options.readOnly,
    configSource: source,
    isSensitive,
    synonyms: options.synonyms
      ? layers.map((layer) => ({
          name: layer.name,
          value: shown(layer.value),
          source: layer.source,
        }))
      : [],
    configType: SettingTypeCode[setting.type],
    documentation: options.documentation ? setting.doc + note : null,
  }
}

/** What the controller needs to know about settings. */
export const controllerPolicy = (
  settings: Settings,
  newTopicId: () => string,
): ControllerPolicy => ({
  newTopicId,
  topicDefaults: () => ({
    partitions: settings.broker.defaultPartitions,
    replicas: settings.broker.defaultReplicas,
  }),
  topicConfigFault: (configs) => settings.topicFault(configs),
  brokerConfigFault: (_, configs) => brokerConfigFault(configs),
  listDefault,
  quorum: (configs, replicas) => settings.quorum(configs, replicas),
})
