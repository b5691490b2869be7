// DescribeConfigs (32), versions 1-4: every setting of topics and brokers with its value and where
// that comes from. v1 sources and synonyms (KIP-226) · v3 types and documentation · v4 flexible.
// A broker is asked for its own settings only, since what it was started with is known to it alone;
// the empty name asks for what is altered for all brokers.
import { ErrorCode } from '../../base/error-codes.ts'
import { ResourceType } from '../../cluster/decide-configs.ts'
import type { ClusterImage } from '../../cluster/image.ts'
import { NO_CONFIGS } from '../../cluster/image.ts'
import { topicNameFault } from '../../cluster/topic-name.ts'
import type { ResolvedSetting, Settings } from '../../config/settings.ts'
import type {
  DescribeConfigsRequest,
  DescribeConfigsResource,
  DescribeConfigsResourceResult,
  DescribeConfigsResponse,
} from '../../wire/messages/32-describe-configs.ts'
import type { Input } from '../../wire/schema.ts'
import { describedSetting } from '../config-view.ts'
import type { Handler } from '../handler.ts'

/** What the handler needs. */
export interface DescribeConfigsDeps {
  readonly selfId: number
  readonly image: () => ClusterImage
  readonly settings: Settings
}

interface Refusal {
  readonly code: number
  readonly message: string
}

const topicRows = (
  { image, settings }: DescribeConfigsDeps,
  name: string,
): readonly ResolvedSetting[] | Refusal => {
  const fault = topicNameFault(name)
  if (fault !== null) return { code: ErrorCode.INVALID_TOPIC_EXCEPTION, message: fault }
  const topic = image().topicByName(name)
  if (topic !== undefined) return settings.describeTopic(topic.configs)
  const message = `The topic '${name}' does not exist.`
  return { code: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, message }
}

const brokerRows = (
  { image, settings, selfId }: DescribeConfigsDeps,
  name: string,
): readonly ResolvedSetting[] | Refusal => {
  const shared = image().brokerConfigs('')
  if (name === String(selfId)) {
    return settings.describeBroker({ own: image().brokerConfigs(name), shared })
  }
  if (name === '') {
    return settings
      .describeBroker({ own: NO_CONFIGS, shared })
      .filter(({ setting }) => shared.has(setting.name))
  }
  const expected = `expected ${selfId} or an empty name, but received ${name}`
  return { code: ErrorCode.INVALID_REQUEST, message: `Unexpected broker id, ${expected}` }
}

const rowsOf = (
  deps: DescribeConfigsDeps,
  { resourceType, resourceName }: DescribeConfigsResource,
): readonly ResolvedSetting[] | Refusal => {
  if (resourceType === ResourceType.TOPIC) return topicRows(deps, resourceName)
  if (resourceType === ResourceType.BROKER) return brokerRows(deps, resourceName)
  return { code: ErrorCode.INVALID_REQUEST, message: `Unsupported resource type: ${resourceType}` }
}

/** Each resource once: an answer is far longer than the name that asks for it. */
function distinct(resources: readonly DescribeConfigsResource[]): DescribeConfigsResource[] {
  const known = new Map<string, DescribeConfigsResource>()
  for (const resource of resources) {
    const key = `${resource.resourceType} ${resource.resourceName}`
    if (!known.has(key)) known.set(key, resource)
  }
  return [...known.values()]
}

/** Answers DescribeConfigs. */
export const describeConfigs =
  (deps: DescribeConfigsDeps): Handler<DescribeConfigsRequest, Input<DescribeConfigsResponse>> =>
  (request) => ({
    results: distinct(request.resources).map((resource) => {
      const { resourceType, resourceName, configurationKeys: keys } = resource
      const rows = rowsOf(deps, resource)
      if ('code' in rows) {
        return { errorCode: rows.code, errorMessage: rows.message, resourceType, resourceName }
      }
      const isBroker = resourceType === ResourceType.BROKER
      const configs: DescribeConfigsResourceResult[] = []
      for (const row of rows) {
        if (keys !== null && keys.length > 0 && !keys.includes(row.setting.name)) continue
        configs.push(
          describedSetting(row, {
            readOnly: isBroker && row.setting.dynamic !== true,
            synonyms: request.includeSynonyms,
            documentation: request.includeDocumentation,
          }),
        )
      }
      return { errorCode: ErrorCode.NONE, errorMessage: null, resourceType, resourceName, configs }
    }),
  })
