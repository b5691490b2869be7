// ApiVersions (18), versions 0-4: what this broker serves, and the features the cluster agreed on.
// v1 throttle time · v3 flexible, names the client, features (KIP-584) · v4 features from level 0.
// The answer to a version that is too new is body v0 with error 35 and the range of this API only,
// so that the client can ask again; the header of any answer is v0 (KIP-511).
import { ErrorCode } from '../../base/error-codes.ts'
import type { ClusterImage } from '../../cluster/image.ts'
import type {
  ApiVersion,
  ApiVersionsRequest,
  ApiVersionsResponse,
} from '../../wire/messages/18-api-versions.ts'
import type { Input } from '../../wire/schema.ts'
import type { Handler } from '../handler.ts'

const KEY = 18

/** A feature and the levels of it that this build knows. */
export interface SupportedFeature {
  readonly name: string
  readonly minVersion: number
  readonly maxVersion: number
}

/** What the handler needs. */
export interface ApiVersionsDeps {
  /** What is served, as it shall be told: Produce from 0 (KAFKA-18659). */
  readonly served: readonly ApiVersion[]
  readonly features: readonly SupportedFeature[]
  readonly image: () => ClusterImage
}

const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

/** The v0 answer to an ApiVersions request whose version is not served; its body is not decoded. */
export const tooNewApiVersions = (served: readonly ApiVersion[]): Input<ApiVersionsResponse> => ({
  errorCode: ErrorCode.UNSUPPORTED_VERSION,
  apiKeys: served.filter(({ apiKey }) => apiKey === KEY),
})

/** Answers ApiVersions. */
export const apiVersions = (
  deps: ApiVersionsDeps,
): Handler<ApiVersionsRequest, Input<ApiVersionsResponse>> => {
  const apiKeys = [...deps.served].sort((a, b) => a.apiKey - b.apiKey)
  return (request, { version }) => {
    const { clientSoftwareName, clientSoftwareVersion } = request
    const isNamed = SOFTWARE.test(clientSoftwareName) && SOFTWARE.test(clientSoftwareVersion)
    if (version >= 3 && !isNamed) return { errorCode: ErrorCode.INVALID_REQUEST }
    const image = deps.image()
    const finalized = [...image.state.features.keys()].sort()
    return {
      apiKeys,
      // Clients before v4 cannot parse a feature that begins at level 0 (KAFKA-17011).
      supportedFeatures: deps.features.filter((f) => version >= 4 || f.minVersion > 0),
      // Clients take finalized features for known from epoch 0 on.
      finalizedFeaturesEpoch: finalized.length === 0 ? -1 : image.version,
      finalizedFeatures: finalized.map((name) => {
        const level = image.state.features.get(name) ?? 0
        return { name, minVersionLevel: level, maxVersionLevel: level }
      }),
    }
  }
}
