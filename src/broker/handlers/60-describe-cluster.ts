// DescribeCluster (60), versions 0-2: the brokers as the listener of the request reaches them.
// v1 asks for brokers or controllers (KIP-919) · v2 fenced brokers too, if asked (KIP-1073).
// Controllers have no listener of their own for clients, so nobody is told of them here.
import { ErrorCode } from '../../base/error-codes.ts'
import type { ClusterImage } from '../../cluster/image.ts'
import type {
  DescribeClusterRequest,
  DescribeClusterResponse,
} from '../../wire/messages/60-describe-cluster.ts'
import type { Input } from '../../wire/schema.ts'
import type { Handler } from '../handler.ts'
import { CLUSTER_OPERATIONS, ListenerView, OPERATIONS_UNKNOWN } from '../topic-view.ts'

const BROKERS = 1
const CONTROLLERS = 2

/** Answers DescribeCluster. */
export const describeCluster =
  (deps: {
    readonly selfId: number
    readonly image: () => ClusterImage
  }): Handler<DescribeClusterRequest, Input<DescribeClusterResponse>> =>
  (request, { version, advertised }) => {
    const { endpointType } = request
    if (version >= 1 && endpointType !== BROKERS) {
      const isController = endpointType === CONTROLLERS
      return {
        endpointType,
        errorCode: isController
          ? ErrorCode.MISMATCHED_ENDPOINT_TYPE
          : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
        errorMessage: isController
          ? 'This is a listener of brokers: it does not tell of controllers.'
          : `Endpoint type ${endpointType} is not known.`,
      }
    }
    const image = deps.image()
    const view = new ListenerView(image, deps.selfId, advertised)
    const brokers = version >= 2 && request.includeFencedBrokers ? view.all() : view.live()
    const isAsked = request.includeClusterAuthorizedOperations
    return {
      endpointType: BROKERS,
      clusterId: image.clusterId,
      controllerId: image.controllerId,
      brokers: brokers.map(({ id, host, port, rack, fenced }) => ({
        brokerId: id,
        host,
        port,
        rack,
        isFenced: fenced,
      })),
      clusterAuthorizedOperations: isAsked ? CLUSTER_OPERATIONS : OPERATIONS_UNKNOWN,
    }
  }
