// Acts on consumer groups: list, describe with lag, delete. Groups are spread over the brokers, so
// a listing asks every one of them.
import { ErrorCode } from '../../base/error-codes.ts'
import { KafkaError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'
import type { DescribedGroup } from '../../wire/messages/15-describe-groups.ts'
import type { ListedGroup } from '../../wire/messages/16-list-groups.ts'
import { deleteGroups, describeGroups, listGroups } from './apis.ts'
import type { Client } from './client.ts'
import { committedOffsets, resolvePosition } from './offsets.ts'
import { check, retrying } from './retry.ts'

/** A group in a listing, and the broker that coordinates it. */
export interface GroupEntry extends ListedGroup {
  readonly coordinator: number
}

/** One partition of a group: how far it has come and who reads it. */
export interface GroupPartition {
  readonly topic: string
  readonly partition: number
  /** Next offset that the group will read; null when it has committed none. */
  readonly committed: number | null
  readonly end: number
  /** Records behind; null when nothing is committed. */
  readonly lag: number | null
  readonly member: string | null
  readonly host: string | null
}

/** All groups of all brokers, in the order of their ids. */
export async function allGroups(client: Client): Promise<GroupEntry[]> {
  const lists = await Promise.all(
    client.brokers.map(async ({ nodeId }) => {
      const connection = await client.node(nodeId)
      const answer = await connection.call(listGroups, {})
      check(answer.errorCode, `Cannot list the groups of broker ${String(nodeId)}`)
      return answer.groups.map((group) => ({ ...group, coordinator: nodeId }))
    }),
  )
  return lists.flat().toSorted((a, b) => (a.groupId < b.groupId ? -1 : 1))
}

/** State and members of a group. Throws GROUP_ID_NOT_FOUND for one that does not exist. */
export async function describeGroup(client: Client, group: string): Promise<DescribedGroup> {
  return retrying(client.stopped, async () => {
    const coordinator = await client.coordinatorOf(group)
    const answer = await coordinator.call(describeGroups, { groups: [group] })
    const [found] = answer.groups
    const missing = found === undefined || found.groupState === 'Dead'
    if (missing || found.errorCode === ErrorCode.GROUP_ID_NOT_FOUND) {
      throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, `There is no group ${group}`)
    }
    check(found.errorCode, `Cannot describe group ${group}`, found.errorMessage)
    return found
  })
}

/** Committed offset, end and lag of every partition that the group reads or has committed. */
export async function groupPartitions(
  client: Client,
  group: DescribedGroup,
): Promise<GroupPartition[]> {
  const owners = new Map<string, { readonly member: string; readonly host: string }>()
  for (const member of group.members) {
    for (const key of assignedPartitions(member.memberAssignment)) {
      owners.set(key, { member: member.memberId, host: member.clientHost })
    }
  }
  const committed = await committedOffsets(client, group.groupId)
  const offsets = new Map(committed.map((at) => [`${at.topic}/${String(at.partition)}`, at.offset]))
  const keys = [...new Set([...offsets.keys(), ...owners.keys()])]
  return Promise.all(
    keys.map(async (key) => {
      const slash = key.lastIndexOf('/')
      const topic = key.slice(0, slash)
      const partition = Number(key.slice(slash + 1))
      const end = await resolvePosition(client, { topic, partition }, { kind: 'end' })
      const at = offsets.get(key) ?? null
      const owner = owners.get(key)
      return {
        topic,
        partition,
        committed: at,
        end,
        lag: at === null ? null : Math.max(0, end - at),
        member: owner?.member ?? null,
        host: owner?.host ?? null,
      }
    }),
  )
}

/** `topic/partition` of each assigned partition, from the consumer protocol's assignment. */
function assignedPartitions(assignment: Uint8Array): string[] {
  if (assignment.length === 0) return []
  const reader = new Reader(assignment)
  reader.int16() // version; all of them begin alike
  const found: string[] = []
  for (let topics = reader.int32(); topics > 0; topics--) {
    const topic = reader.text(reader.int16())
    for (let count = reader.int32(); count > 0; count--) {
      found.push(`${topic}/${String(reader.int32())}`)
    }
  }
  return found
}

/** Deletes a group without members, and its offsets. */
export async function deleteGroup(client: Client, group: string): Promise<void> {
  await retrying(client.stopped, async () => {
    const coordinator = await client.coordinatorOf(group)
    const answer = await coordinator.call(deleteGroups, { groupsNames: [group] })
    const code = answer.results[0]?.errorCode ?? 0
    if (code === ErrorCode.GROUP_ID_NOT_FOUND) check(code, `There is no group ${group}`)
    if (code === ErrorCode.NON_EMPTY_GROUP) {
      check(code, `Group ${group} has members; stop them first`)
    }
    check(code, `Cannot delete group ${group}`)
  })
}
