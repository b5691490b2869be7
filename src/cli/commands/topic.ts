// `topic create | list | describe | alter | delete`.
// Talks to any Kafka broker; what is printed comes from its answers alone.
import { Command } from 'commander'
import { UsageError } from '../../base/errors.ts'
import { resolvePosition } from '../client/offsets.ts'
import {
  addPartitions,
  alterTopicSettings,
  createTopic,
  deleteTopic,
  describeTopic,
  listTopics,
  topicSettings,
} from '../client/topics.ts'
import type { Client } from '../client/client.ts'
import type { Io } from '../io.ts'
import { printRows, say } from '../output.ts'
import type { Row } from '../output.ts'
import { keyValue, wholeNumber } from '../values.ts'
import { collect, withBootstrap, withClient, withListing } from './common.ts'
import type { ClientFlags, ListingFlags } from './common.ts'

const PARTITIONS_MAX = 1_000_000
const REPLICAS_MAX = 0x7fff

/** The `topic` command with its subcommands. */
export function topicCommand(io: Io): Command {
  return new Command('topic')
    .description('create, list, describe, alter and delete topics')
    .addCommand(createCommand(io))
    .addCommand(listCommand(io))
    .addCommand(describeCommand(io))
    .addCommand(alterCommand(io))
    .addCommand(deleteCommand(io))
}

interface CreateFlags extends ClientFlags {
  readonly partitions?: string
  readonly replicas?: string
  readonly config: readonly string[]
}

function createCommand(io: Io): Command {
  return withBootstrap(new Command('create'))
    .description('make a topic')
    .argument('<name>')
    .option('--partitions <n>', "number of partitions (the broker's default)")
    .option('--replicas <n>', "copies of each partition (the broker's default)")
    .option('--config <key=value>', 'a setting such as retention.ms=60000; repeatable', collect, [])
    .action(async (name: string, flags: CreateFlags) => {
      const { partitions, replicas } = flags
      const topic = {
        name,
        settings: flags.config.map((text) => keyValue(text, '--config')),
        ...(partitions === undefined ? {} : { partitions: partitionCount(partitions) }),
        ...(replicas === undefined
          ? {}
          : { replicas: wholeNumber(replicas, '--replicas', { least: 1, most: REPLICAS_MAX }) }),
      }
      await withClient(flags, io, (client) => createTopic(client, topic))
      await say(io, false, `created topic ${name}`)
    })
}

function listCommand(io: Io): Command {
  return withListing(new Command('list'))
    .description('list topics')
    .option('--internal', 'internal topics too')
    .action(async (flags: ListingFlags & { readonly internal?: true }) => {
      const topics = await withClient(flags, io, listTopics)
      const rows = topics
        .filter(({ isInternal }) => flags.internal === true || !isInternal)
        .map(({ name, partitions, topicId }) => ({
          name,
          partitions: partitions.length,
          replicas: partitions[0]?.replicaNodes.length ?? 0,
          id: topicId,
        }))
      const empty = "there are no topics; make one with 'stratalog topic create NAME'"
      await printRows(io, rows, { json: flags.json === true, empty })
    })
}

function describeCommand(io: Io): Command {
  return withListing(new Command('describe'))
    .description("print a topic's partitions and settings")
    .argument('<name>')
    .option('--all', 'settings that are at their defaults too')
    .action(async (name: string, flags: ListingFlags & { readonly all?: true }) => {
      await withClient(flags, io, async (client) => {
        const partitions = await partitionRows(client, name)
        const settings = (await topicSettings(client, name))
          .filter(({ source }) => flags.all === true || source !== 'default')
          .map((setting): Row => ({ ...setting }))
        if (flags.json === true) {
          await io.out.write(`${JSON.stringify({ name, partitions, settings }, null, 2)}\n`)
          return
        }
        await printRows(io, partitions, { json: false, empty: 'no partitions' })
        await io.out.write('\n')
        await printRows(io, settings, { json: false, empty: 'all settings are at their defaults' })
      })
    })
}

async function partitionRows(client: Client, name: string): Promise<Row[]> {
  const topic = await describeTopic(client, name)
  return Promise.all(
    topic.partitions.map(async ({ partitionIndex: partition, ...rest }) => {
      const served = rest.leaderId >= 0
      const place = { topic: name, partition }
      return {
        partition,
        leader: rest.leaderId,
        epoch: rest.leaderEpoch,
        replicas: rest.replicaNodes,
        isr: rest.isrNodes,
        start: served ? await resolvePosition(client, place, { kind: 'start' }) : null,
        end: served ? await resolvePosition(client, place, { kind: 'end' }) : null,
      }
    }),
  )
}

interface AlterFlags extends ClientFlags {
  readonly partitions?: string
  readonly config: readonly string[]
  readonly unset: readonly string[]
}

function alterCommand(io: Io): Command {
  return withBootstrap(new Command('alter'))
    .description('change the settings of a topic, or give it more partitions')
    .argument('<name>')
    .option('--partitions <n>', 'the new number of partitions, more than now')
    .option('--config <key=value>', 'set a setting; repeatable', collect, [])
    .option('--unset <key>', 'give a setting its default back; repeatable', collect, [])
    .action(async (name: string, flags: AlterFlags) => {
      const set = flags.config.map((text) => keyValue(text, '--config'))
      const count = flags.partitions === undefined ? null : partitionCount(flags.partitions)
      const settings = set.length + flags.unset.length
      if (settings === 0 && count === null) {
        throw new UsageError('topic alter changes nothing; give --config, --unset or --partitions')
      }
      await withClient(flags, io, async (client) => {
        if (settings > 0) await alterTopicSettings(client, name, { set, unset: flags.unset })
        if (count !== null) await addPartitions(client, name, count)
      })
      await say(io, false, `altered topic ${name}`)
    })
}

function deleteCommand(io: Io): Command {
  return withBootstrap(new Command('delete'))
    .description('delete topics with all their records')
    .argument('<name...>')
    .action(async (names: readonly string[], flags: ClientFlags) => {
      await withClient(flags, io, async (client) => {
        for (const name of names) {
          await deleteTopic(client, name)
          await say(io, false, `deleted topic ${name}`)
        }
      })
    })
}

function partitionCount(text: string): number {
  return wholeNumber(text, '--partitions', { least: 1, most: PARTITIONS_MAX })
}
