// ListConfigResources (74), versions 0-1: what has settings. v0 lists client metrics only, of which
// there are none · v1 by type (KIP-1142); no types ask for all.
import { ErrorCode } from '../../base/error-codes.ts'
import { ResourceType } from '../../cluster/decide-configs.ts'
import type { ClusterImage } from '../../cluster/image.ts'
import type {
  ConfigResource,
  ListConfigResourcesRequest,
  ListConfigResourcesResponse,
} from '../../wire/messages/74-list-config-resources.ts'
import type { Input } from '../../wire/schema.ts'
import type { Handler } from '../handler.ts'

const KNOWN: readonly number[] = Object.values(ResourceType)

/** Answers ListConfigResources. */
export const listConfigResources =
  (deps: {
    readonly image: () => ClusterImage
  }): Handler<ListConfigResourcesRequest, Input<ListConfigResourcesResponse>> =>
  ({ resourceTypes }, { version }) => {
    if (version === 0) return { configResources: [] }
    if (resourceTypes.some((type) => !KNOWN.includes(type))) {
      return { errorCode: ErrorCode.UNSUPPORTED_VERSION }
    }
    const types = resourceTypes.length === 0 ? KNOWN : [...new Set(resourceTypes)]
    const image = deps.image()
    const configResources: ConfigResource[] = []
    for (const resourceType of types) {
      const names =
        resourceType === ResourceType.TOPIC
          ? image.topicNames()
          : resourceType === ResourceType.BROKER
            ? image.brokers().map(({ id }) => String(id))
            : []
      for (const resourceName of names) configResources.push({ resourceName, resourceType })
    }
    return { configResources }
  }
