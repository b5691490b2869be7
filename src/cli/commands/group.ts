// `group list | describe | reset | delete`.
// A reset commits for a group that has no members; a running group would overwrite it.
import { Command } from 'commander'
import type { Client } from '../client/client.ts'
import { allGroups, deleteGroup, describeGroup, groupPartitions } from '../client/groups.ts'
import { committedOffsets, commitOffsets, resolvePosition } from '../client/offsets.ts'
import type { PlaceOffset } from '../client/offsets.ts'
import type { Io } from '../io.ts'
import { printFacts, printRows, say } from '../output.ts'
import type { Row } from '../output.ts'
import { position, wholeNumber } from '../values.ts'
import type { Position } from '../values.ts'
import { withBootstrap, withClient, withListing } from './common.ts'
import type { ClientFlags, ListingFlags } from './common.ts'

/** The `group` command with its subcommands. */
export function groupCommand(io: Io): Command {
  return new Command('group')
    .description('list, describe, reset and delete consumer groups')
    .addCommand(listCommand(io))
    .addCommand(describeCommand(io))
    .addCommand(resetCommand(io))
    .addCommand(deleteCommand(io))
}

function listCommand(io: Io): Command {
  return withListing(new Command('list'))
    .description('list consumer groups')
    .action(async (flags: ListingFlags) => {
      const groups = await withClient(flags, io, allGroups)
      const rows = groups.map(({ groupId, groupState, groupType, protocolType, coordinator }) => ({
        group: groupId,
        state: groupState,
        type: groupType === '' ? 'classic' : groupType,
        protocol: protocolType,
        coordinator,
      }))
      await printRows(io, rows, { json: flags.json === true, empty: 'there are no groups' })
    })
}

function describeCommand(io: Io): Command {
  return withListing(new Command('describe'))
    .description('print how far a group has come, its lag and its members')
    .argument('<group>')
    .action(async (name: string, flags: ListingFlags) => {
      await withClient(flags, io, async (client) => {
        const group = await describeGroup(client, name)
        const partitions = await groupPartitions(client, group)
        const facts = {
          group: name,
          state: group.groupState,
          protocol: group.protocolData,
          members: group.members.length,
          lag: partitions.reduce((sum, { lag }) => sum + (lag ?? 0), 0),
        }
        if (flags.json === true) {
          await io.out.write(`${JSON.stringify({ ...facts, partitions }, null, 2)}\n`)
          return
        }
        await printFacts(io, facts, false)
        await io.out.write('\n')
        const rows = partitions.map((row): Row => ({ ...row }))
        await printRows(io, rows, { json: false, empty: 'the group has committed nothing' })
      })
    })
}

interface ResetFlags extends ClientFlags {
  readonly topic: string
  readonly partition?: string
  readonly to: string
  readonly dryRun?: true
  readonly json?: true
}

function resetCommand(io: Io): Command {
  return withListing(new Command('reset'))
    .description('move the offsets of a group without members')
    .argument('<group>')
    .requiredOption('--topic <name>', 'the topic whose offsets to move')
    .option('--partition <n>', 'only this partition')
    .requiredOption('--to <position>', 'start, end, an offset, a time, or -15m')
    .option('--dry-run', 'print what would be committed, commit nothing')
    .action(async (group: string, flags: ResetFlags) => {
      const to = position(flags.to, '--to', Date.now())
      const only =
        flags.partition === undefined
          ? null
          : wholeNumber(flags.partition, '--partition', { least: 0, most: 0x7fffffff })
      await withClient(flags, io, async (client) => {
        const before = await committedOffsets(client, group)
        const after = await newOffsets(client, { topic: flags.topic, only }, to)
        if (flags.dryRun !== true) await commitOffsets(client, group, after)
        const rows = after.map(({ topic, partition, offset }) => {
          const old = before.find((at) => at.topic === topic && at.partition === partition)
          return { topic, partition, before: old?.offset ?? null, after: offset }
        })
        await printRows(io, rows, { json: flags.json === true, empty: 'nothing to reset' })
      })
    })
}

/** The offsets to commit; those given in digits are held within what each partition has. */
async function newOffsets(
  client: Client,
  scope: { readonly topic: string; readonly only: number | null },
  to: Position,
): Promise<PlaceOffset[]> {
  const { topic, only } = scope
  const { leaders } = await client.layout(topic)
  const partitions = only === null ? leaders.map((_, partition) => partition) : [only]
  return Promise.all(
    partitions.map(async (partition) => {
      const place = { topic, partition }
      const [start, end, wanted] = await Promise.all([
        resolvePosition(client, place, { kind: 'start' }),
        resolvePosition(client, place, { kind: 'end' }),
        resolvePosition(client, place, to),
      ])
      return { topic, partition, offset: Math.min(Math.max(wanted, start), end) }
    }),
  )
}

function deleteCommand(io: Io): Command {
  return withBootstrap(new Command('delete'))
    .description('delete groups without members, and their offsets')
    .argument('<group...>')
    .action(async (groups: readonly string[], flags: ClientFlags) => {
      await withClient(flags, io, async (client) => {
        for (const group of groups) {
          await deleteGroup(client, group)
          await say(io, false, `deleted group ${group}`)
        }
      })
    })
}
