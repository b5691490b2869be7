// `tier plan`: what an archive will cost in a month, before anything is deployed: on one store, and
// what the same would cost on the others. Asks nobody; the prices are a dated table.
import { Command } from 'commander'
import { UsageError } from '../../../base/errors.ts'
import { planCost, type CostRow } from '../../../tier/cost/cost.ts'
import { PRICES, type StoreId } from '../../../tier/cost/prices.ts'
import type { Io } from '../../io.ts'
import { printRows, say, type Row } from '../../output.ts'
import { byteCount, duration, wholeNumber } from '../../values.ts'

interface PlanFlags {
  readonly rate: string
  readonly retention: string
  readonly store: string
  readonly segment: string
  readonly reads: string
  readonly egress: string
  readonly partitions: string
  readonly lag: string
  readonly json?: true
}

const SCHEMES: Readonly<Record<string, StoreId>> = { gs: 'gcs', az: 'azure' }

/** The `tier plan` command. */
export function planCommand(io: Io): Command {
  return new Command('plan')
    .description('estimate what an archive costs in a month')
    .requiredOption('--rate <bytes/s>', 'what producers write, all partitions together: 10MB/s')
    .requiredOption('--retention <time>', 'how long it is kept: 30d, 1y')
    .option('--store <name>', `${Object.keys(PRICES).join(', ')} or a URL`, 's3')
    .option('--segment <bytes>', 'segment.bytes', '1GiB')
    .option('--lag <time>', 'tier.upload.max.lag.ms', '10m')
    .option('--partitions <n>', 'partitions that share the rate', '1')
    .option('--reads <times>', 'how often a byte is read from the store', '0')
    .option('--egress <share>', 'share of it that leaves the region, 0 to 1', '1')
    .option('--json', 'print JSON')
    .action(async (flags: PlanFlags) => {
      const { chosen, others } = planCost({
        bytesPerSecond: byteCount(flags.rate, '--rate'),
        retentionMs: duration(flags.retention, '--retention'),
        segmentBytes: byteCount(flags.segment, '--segment'),
        uploadLagMs: duration(flags.lag, '--lag'),
        partitions: wholeNumber(flags.partitions, '--partitions', { least: 1, most: 1_000_000 }),
        readFraction: number(flags.reads, '--reads', 1e6),
        egressFraction: number(flags.egress, '--egress', 1),
        store: storeOf(flags.store),
      })
      const json = flags.json === true
      await printRows(io, [chosen, ...others].map(json ? exact : rounded), { json, empty: '' })
      const { asOf } = PRICES[chosen.store]
      await say(io, json, `US dollars a month once the retention is full; list prices of ${asOf}`)
    })
}

function storeOf(text: string): StoreId {
  const name = text.split(':', 1)[0] ?? ''
  const id = SCHEMES[name] ?? name
  if (Object.hasOwn(PRICES, id)) return id as StoreId
  throw new UsageError(`--store takes one of ${Object.keys(PRICES).join(', ')}, not '${text}'`)
}

function number(text: string, name: string, most: number): number {
  const value = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text) || value > most) {
    throw new UsageError(`${name} takes a number from 0 to ${most}, not '${text}'`)
  }
  return value
}

const exact = (row: CostRow): Row => ({ ...row })

const rounded = (row: CostRow): Row => ({
  store: row.store,
  'stored GB': Math.round(row.storedBytes / 1e9),
  'puts/month': Math.round(row.putRequests),
  'gets/month': Math.round(row.getRequests),
  storage: dollars(row.storage),
  puts: dollars(row.puts),
  gets: dollars(row.gets),
  egress: dollars(row.egress),
  total: dollars(row.total),
})

/** Dollars and cents. */
export const dollars = (amount: number): string => amount.toFixed(2)
