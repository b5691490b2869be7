// `consume TOPIC`: writes records to standard output, values byte for byte unless another format
// is asked for. With --group it begins where the group has committed and commits at the end, as a
// lone reader: it does not join the group, so it takes no partitions from its members.
import { Command } from 'commander'
import { UsageError } from '../../base/errors.ts'
import type { Client } from '../client/client.ts'
import { fetchRecords } from '../client/fetcher.ts'
import { committedOffsets, commitOffsets, resolvePosition } from '../client/offsets.ts'
import type { IsolationName } from '../client/offsets.ts'
import type { Io } from '../io.ts'
import { startProgress } from '../output.ts'
import { FORMATS, RecordPrinter } from '../record-printer.ts'
import type { Services } from '../services.ts'
import { oneOf, position, wholeNumber } from '../values.ts'
import type { Position } from '../values.ts'
import { withBootstrap, withClient } from './common.ts'
import type { ClientFlags } from './common.ts'

interface Flags extends ClientFlags {
  readonly from?: string
  readonly count?: string
  readonly partition?: string
  readonly group?: string
  readonly format: string
  readonly keySeparator: string
  readonly newline: boolean
  readonly untilEnd?: true
  readonly isolation: string
}

interface Plan {
  readonly topic: string
  readonly from: Position | null
  readonly count: number
  readonly partition: number | null
  readonly group: string | null
  readonly untilEnd: boolean
  readonly isolation: IsolationName
}

/** The `consume` command. */
export function consumeCommand(io: Io, recordTools: NonNullable<Services['recordTools']>): Command {
  return withBootstrap(new Command('consume'))
    .description('write the records of a topic to standard output')
    .argument('<topic>')
    .option('--from <position>', 'start, end, an offset, a time, or -15m (start)')
    .option('--count <n>', 'end after n records')
    .option('--until-end', 'end at the last record that was there at the beginning')
    .option('--partition <n>', 'only this partition')
    .option('--group <name>', 'begin where this group has committed, commit at the end')
    .option('--format <format>', FORMATS.join(', '), 'raw')
    .option('--key-separator <text>', 'with --format kv: what stands between key and value', '\t')
    .option('--no-newline', 'with --format raw: nothing after each value')
    .option('--isolation <name>', 'committed or uncommitted', 'uncommitted')
    .action(async (topic: string, flags: Flags) => {
      const plan = planOf(topic, flags)
      const printer = new RecordPrinter(io.out, {
        format: oneOf(FORMATS, flags.format, '--format'),
        newline: flags.newline,
        keySeparator: flags.keySeparator,
      })
      const services = await recordTools()
      await withClient(
        flags,
        io,
        async (client) => {
          const starts = await startOffsets(client, plan)
          const ends = plan.untilEnd ? await endOffsets(client, plan, starts) : new Map()
          const options = { topic, starts, ends, isolation: plan.isolation }
          const progress = startProgress(io, 'consumed')
          const reached = new Map<number, number>()
          const parts = fetchRecords(client, services, options)
          try {
            if (plan.count > 0) await print(parts, plan.count, { printer, progress, reached })
          } finally {
            progress.clear()
            await printer.flush()
          }
          if (plan.group !== null) {
            const offsets = [...reached].map(([partition, offset]) => ({
              topic,
              partition,
              offset,
            }))
            await commitOffsets(client, plan.group, offsets)
          }
        },
        { endsItself: true },
      )
    })
}

function planOf(topic: string, flags: Flags): Plan {
  const { from, count, partition, group } = flags
  return {
    topic,
    from: from === undefined ? null : position(from, '--from', Date.now()),
    count:
      count === undefined
        ? Infinity
        : wholeNumber(count, '--count', { least: 0, most: Number.MAX_SAFE_INTEGER }),
    partition:
      partition === undefined
        ? null
        : wholeNumber(partition, '--partition', { least: 0, most: 0x7fffffff }),
    group: group ?? null,
    untilEnd: flags.untilEnd === true,
    isolation: oneOf(['uncommitted', 'committed'], flags.isolation, '--isolation'),
  }
}

async function startOffsets(client: Client, plan: Plan): Promise<Map<number, number>> {
  const { topic, from, partition: only } = plan
  const { leaders } = await client.layout(topic)
  if (only !== null && only >= leaders.length) {
    const last = String(leaders.length - 1)
    throw new UsageError(`${topic} has partitions 0 to ${last}, not ${String(only)}`)
  }
  if (from?.kind === 'offset' && only === null && leaders.length > 1) {
    throw new UsageError(`--from OFFSET needs --partition: ${topic} has several partitions`)
  }
  const committed = new Map<number, number>()
  if (plan.group !== null && from === null) {
    for (const at of await committedOffsets(client, plan.group)) {
      if (at.topic === topic) committed.set(at.partition, at.offset)
    }
  }
  const partitions = only === null ? leaders.map((_, index) => index) : [only]
  const starts = partitions.map(async (partition): Promise<[number, number]> => {
    const known = committed.get(partition)
    if (known !== undefined) return [partition, known]
    const place = { topic, partition }
    const at = from ?? { kind: 'start' }
    return [partition, await resolvePosition(client, place, at, plan.isolation)]
  })
  return new Map(await Promise.all(starts))
}

async function endOffsets(
  client: Client,
  plan: Plan,
  starts: ReadonlyMap<number, number>,
): Promise<Map<number, number>> {
  const ends = [...starts.keys()].map(async (partition): Promise<[number, number]> => {
    const place = { topic: plan.topic, partition }
    return [partition, await resolvePosition(client, place, { kind: 'end' }, plan.isolation)]
  })
  return new Map(await Promise.all(ends))
}

/** Prints up to `count` records and notes how far each partition was read. */
async function print(
  parts: ReturnType<typeof fetchRecords>,
  count: number,
  to: {
    readonly printer: RecordPrinter
    readonly progress: ReturnType<typeof startProgress>
    readonly reached: Map<number, number>
  },
): Promise<void> {
  const { printer, progress, reached } = to
  let left = count
  for await (const part of parts) {
    for (const record of part.records) {
      const wait = printer.print(record, part.partition)
      if (wait !== undefined) await wait
      left -= 1
      if (left > 0) continue
      reached.set(part.partition, record.offset + 1)
      return
    }
    reached.set(part.partition, part.next)
    await printer.flush()
    progress.show(printer.records, printer.bytes)
  }
}
