// `tier ls | verify | restore`, and the commands beside them: what an operator does with a bucket,
// with or without a broker. Everything takes the bucket by `--store URL`; credentials come from the
// environment.
import { Command } from 'commander'
import { OperatingError } from '../../../base/errors.ts'
import { auditPartition, type AuditFinding } from '../../../tier/audit/audit-partition.ts'
import {
  archiveBase,
  archiveEnd,
  archiveSize,
  type Manifest,
} from '../../../tier/manifest/manifest.ts'
import type { Io } from '../../io.ts'
import { megabytes, printFacts, printRows, say, startProgress, type Row } from '../../output.ts'
import type { Services, TierTools } from '../../services.ts'
import { wholeNumber } from '../../values.ts'
import { PRICES, type StoreId } from '../../../tier/cost/prices.ts'
import { storageCost } from '../../../tier/cost/cost.ts'
import { archives } from './archives.ts'
import { doctorCommand } from './doctor.ts'
import { mirrorCommand } from './mirror.ts'
import { dollars, planCommand } from './plan.ts'

interface StoreFlags {
  readonly store: string
  readonly json?: true
}

/** The `tier` command with its subcommands. */
export function tierCommand(io: Io, tier: NonNullable<Services['tier']>): Command {
  return new Command('tier')
    .description('look into, verify and restore from an object store')
    .addCommand(lsCommand(io, tier))
    .addCommand(verifyCommand(io, tier))
    .addCommand(restoreCommand(io, tier))
    .addCommand(mirrorCommand(io, tier))
    .addCommand(planCommand(io))
    .addCommand(doctorCommand(io, tier))
}

const withStore = (command: Command): Command =>
  command
    .requiredOption('--store <url>', 'file:///dir, s3://bucket/prefix, gs://… or az://…')
    .option('--json', 'print JSON')

/** Runs `work` with the tools and an open store, which is closed whatever happens. */
async function withTier<T>(
  services: NonNullable<Services['tier']>,
  flags: StoreFlags,
  work: (tools: TierTools & { readonly store: TierStore }) => Promise<T>,
): Promise<T> {
  const tools = await services()
  const store = await tools.openStore(flags.store)
  try {
    return await work({ ...tools, store })
  } finally {
    await store.close()
  }
}

type TierStore = Awaited<ReturnType<TierTools['openStore']>>

const isFinding = (one: Manifest | AuditFinding): one is AuditFinding => 'fault' in one

const timeText = (ms: number): string | null => (ms < 0 ? null : new Date(ms).toISOString())

interface LsFlags extends StoreFlags {
  readonly scan?: true
  readonly cost?: true
}

/** Which prices hold for a store, by the scheme of its URL; those of S3 for one that has none. */
const PRICED: Readonly<Record<string, StoreId>> = { s3: 's3', gs: 'gcs', az: 'azure' }

function lsCommand(io: Io, services: NonNullable<Services['tier']>): Command {
  return withStore(new Command('ls'))
    .description('list what is archived, by topic or by the partitions of one')
    .argument('[topic]')
    .option('--scan', 'find partitions by listing all keys, not by the newest snapshot')
    .option('--cost', 'what the bytes cost in a month, by list prices')
    .action(async (topic: string | undefined, flags: LsFlags) => {
      const manifests: Manifest[] = []
      await withTier(services, flags, async (tools) => {
        for await (const one of archives(tools, { scan: flags.scan === true })) {
          if (isFinding(one)) throw new OperatingError('corrupt', `${one.key}: ${one.text}`)
          if (topic === undefined || one.topicName === topic) manifests.push(one)
        }
      })
      if (topic !== undefined && manifests.length === 0) {
        throw new OperatingError('absent', `Topic ${topic} is not archived in ${flags.store}`)
      }
      const rows = topic === undefined ? topicRows(manifests) : manifests.map(partitionRow)
      const prices = PRICES[PRICED[flags.store.split(':', 1)[0] ?? ''] ?? 's3']
      const priced = rows.map((row) => ({
        ...row,
        [`$/month (${prices.id}, ${prices.asOf})`]: dollars(
          storageCost(Number(row['bytes']), prices),
        ),
      }))
      await printRows(io, flags.cost === true ? priced : rows, {
        json: flags.json === true,
        empty: 'nothing is archived',
      })
    })
}

/** Smallest and largest timestamp of what a manifest names. */
function span({ pages, entries }: Manifest): { readonly from: number; readonly to: number } {
  let from = Infinity
  let to = -1
  for (const { minTimestamp, maxTimestamp } of [...pages, ...entries]) {
    if (minTimestamp >= 0) from = Math.min(from, minTimestamp)
    to = Math.max(to, maxTimestamp)
  }
  return { from: from === Infinity ? -1 : from, to }
}

function partitionRow(manifest: Manifest): Row {
  const { segments, dataBytes, records } = archiveSize(manifest)
  const { from, to } = span(manifest)
  return {
    topic: manifest.topicName,
    partition: manifest.partition,
    start: Math.max(manifest.logStart, archiveBase(manifest)),
    end: archiveEnd(manifest),
    segments,
    records,
    bytes: dataBytes,
    from: timeText(from),
    to: timeText(to),
    epoch: manifest.writerEpoch,
  }
}

function topicRows(manifests: readonly Manifest[]): Row[] {
  const byTopic = new Map<string, Manifest[]>()
  for (const one of manifests) {
    byTopic.set(one.topicName, [...(byTopic.get(one.topicName) ?? []), one])
  }
  return [...byTopic].map(([topic, some]) => {
    const sum = (of: (size: ReturnType<typeof archiveSize>) => number): number =>
      some.reduce((total, one) => total + of(archiveSize(one)), 0)
    const spans = some.map(span).filter(({ to }) => to >= 0)
    return {
      topic,
      partitions: some.length,
      segments: sum(({ segments }) => segments),
      records: sum(({ records }) => records),
      bytes: sum(({ dataBytes }) => dataBytes),
      from: timeText(spans.reduce((least, { from }) => Math.min(least, from), Infinity) || -1),
      to: timeText(spans.reduce((most, { to }) => Math.max(most, to), -1)),
    }
  })
}

interface VerifyFlags extends LsFlags {
  readonly names?: true
}

function verifyCommand(io: Io, services: NonNullable<Services['tier']>): Command {
  return withStore(new Command('verify'))
    .description('check that every archived byte is there and as it was; fails if one is not')
    .argument('[topic]')
    .option('--names', 'only existence and sizes, which reads no segment')
    .option('--scan', 'find partitions by listing all keys, not by the newest snapshot')
    .action(async (topic: string | undefined, flags: VerifyFlags) => {
      const findings: AuditFinding[] = []
      let segments = 0
      let bytes = 0
      let records = 0
      await withTier(services, flags, async (tools) => {
        const progress = startProgress(io, 'verified')
        const depth = flags.names === true ? 'names' : 'bytes'
        for await (const one of archives(tools, { scan: flags.scan === true })) {
          if (isFinding(one)) {
            findings.push(one)
            continue
          }
          if (topic !== undefined && one.topicName !== topic) continue
          const audit = auditPartition(tools, one, {
            depth,
            segment: (entry) => {
              segments++
              bytes += entry.objectBytes
              records += entry.recordCount
              progress.show(records, bytes)
            },
          })
          for await (const finding of audit) findings.push(finding)
        }
        progress.clear()
      })
      await printFindings(io, flags, findings, { segments, bytes, records })
      const bad = findings.filter(({ fault }) => fault !== 'orphaned').length
      if (bad > 0) {
        const places = bad === 1 ? 'one place' : `${bad} places`
        throw new OperatingError('corrupt', `${flags.store} is not as it was archived in ${places}`)
      }
    })
}

async function printFindings(
  io: Io,
  flags: StoreFlags,
  findings: readonly AuditFinding[],
  sums: { readonly segments: number; readonly bytes: number; readonly records: number },
): Promise<void> {
  if (flags.json === true) {
    await io.out.write(`${JSON.stringify({ ...sums, findings }, null, 2)}\n`)
    return
  }
  for (const { fault, key, text } of findings) await io.out.write(`${fault} ${key}: ${text}\n`)
  const { segments, bytes, records } = sums
  const what = `${segments} segments, ${records} records, ${megabytes(bytes)}`
  await say(io, false, `verified ${what}: ${findings.length} findings`)
}

interface RestoreFlags extends StoreFlags {
  readonly dataDir: string
  readonly nodeId: string
}

function restoreCommand(io: Io, services: NonNullable<Services['tier']>): Command {
  return withStore(new Command('restore'))
    .description('build the data directory of a new broker from what is archived')
    .requiredOption('--data-dir <dir>', 'an empty directory, or one to be made')
    .option('--node-id <n>', 'id of the broker that will use it', '1')
    .action(async (flags: RestoreFlags) => {
      const nodeId = wholeNumber(flags.nodeId, '--node-id', { least: 0, most: 0x7fffffff })
      await withTier(services, flags, async ({ restore, store }) => {
        const restored = await restore(store, { dataDir: flags.dataDir, nodeId }, (text) => {
          void io.err.write(`${text}\n`)
        })
        const { snapshotMs, ...rest } = restored
        const facts = { ...rest, snapshot: timeText(snapshotMs) }
        await printFacts(io, facts, flags.json === true)
        await say(
          io,
          flags.json === true,
          `start it with: stratalog start --data-dir ${flags.dataDir} --store ${flags.store}`,
        )
      })
    })
}
