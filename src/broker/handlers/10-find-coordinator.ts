// FindCoordinator (10), versions 0-6: which broker keeps a group.
// v1 kinds of key · v3 flexible · v4 many keys at once (KIP-699) · v6 share groups (KIP-932).
// A group belongs to the leader of one partition of the offsets topic, found by the hash that
// Kafka uses. Transactions and share groups are not served: their keys get UNSUPPORTED_VERSION,
// which clients tell their users at once; COORDINATOR_NOT_AVAILABLE would have them retry for a
// minute and then speak of a timeout.
import { ErrorCode } from '../../base/error-codes.ts'
import type { ClusterImage } from '../../cluster/image.ts'
import type {
  Coordinator,
  FindCoordinatorRequest,
  FindCoordinatorResponse,
} from '../../wire/messages/10-find-coordinator.ts'
import type { Input } from '../../wire/schema.ts'
import type { Handler } from '../handler.ts'
import type { TopicCreator } from '../topic-creator.ts'
import { OFFSETS_TOPIC } from '../topic-creator.ts'
import { ListenerView } from '../topic-view.ts'

/** What the handler needs. */
export interface FindCoordinatorDeps {
  readonly selfId: number
  readonly image: () => ClusterImage
  readonly creator: Pick<TopicCreator, 'create'>
}

const GROUP = 0
const TRANSACTION = 1
const SHARE = 2

/** The partition of the offsets topic that keeps a group: Java's String.hashCode, as in Kafka. */
export const groupPartition = (groupId: string, partitions: number): number => {
  let hash = 0
  for (let i = 0; i < groupId.length; i++) hash = (Math.imul(hash, 31) + groupId.charCodeAt(i)) | 0
  return (hash & 0x7fffffff) % partitions
}

const refused = (key: string, errorCode: number, errorMessage: string): Coordinator => ({
  key,
  nodeId: -1,
  host: '',
  port: -1,
  errorCode,
  errorMessage,
})

const findGroup = (image: ClusterImage, view: ListenerView, key: string): Coordinator => {
  const topic = image.topicByName(OFFSETS_TOPIC)
  const partition = topic?.partitions.get(groupPartition(key, topic.partitions.size))
  const broker = partition === undefined ? undefined : view.reach(partition.leader)
  if (broker === undefined) {
    const why = topic === undefined ? 'is being created' : 'has no leader for it at present'
    const message = `No coordinator for group ${key}: the offsets topic ${why}`
    return refused(key, ErrorCode.COORDINATOR_NOT_AVAILABLE, message)
  }
  const { id: nodeId, host, port } = broker
  return { key, nodeId, host, port, errorCode: ErrorCode.NONE, errorMessage: null }
}

/** Answers FindCoordinator. */
export const findCoordinator =
  (deps: FindCoordinatorDeps): Handler<FindCoordinatorRequest, Input<FindCoordinatorResponse>> =>
  (request, { version, advertised }) => {
    const image = deps.image()
    const view = new ListenerView(image, deps.selfId, advertised)
    const find = (key: string): Coordinator => {
      if (request.keyType === TRANSACTION) {
        const message = 'This broker does not serve transactions yet'
        return refused(key, ErrorCode.UNSUPPORTED_VERSION, message)
      }
      if (request.keyType === SHARE && version >= 6) {
        const message = 'This broker does not serve share groups'
        return refused(key, ErrorCode.UNSUPPORTED_VERSION, message)
      }
      if (request.keyType !== GROUP) {
        const message = `There is no coordinator for key type ${request.keyType}`
        return refused(key, ErrorCode.INVALID_REQUEST, message)
      }
      return findGroup(image, view, key)
    }
    if (request.keyType === GROUP && image.topicByName(OFFSETS_TOPIC) === undefined) {
      deps.creator.create([OFFSETS_TOPIC])
    }
    if (version >= 4) return { coordinators: request.coordinatorKeys.map(find) }
    const { key: _, ...only } = find(request.key)
    return only
  }
