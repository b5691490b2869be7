// What a row comes to, and how it is printed: medians, targets with their verdicts, and one
// Markdown table. A target is judged on the medians of one run; it is data, not prose.
import type { System } from './targets/target.ts'

/** The medians of one system in one row; null where it does not apply or cannot be known. */
export interface Figures {
  readonly perSecond: number
  readonly mibPerS: number
  readonly p50Us: number
  readonly p99Us: number
  /** Milliseconds of the server's CPU for each MiB. */
  readonly cpuMsPerMib: number | null
  readonly idleMib: number | null
  readonly loadedMib: number | null
}

/** One figure held against a limit. */
export interface Check {
  readonly what: string
  readonly value: number
  /** `least`: at least `limit`; `most`: at most. */
  readonly bound: 'least' | 'most'
  readonly limit: number
  /** 'x' for ratios, '%' for shares (values from 0 to 1), else printed behind the number. */
  readonly unit: string
}

/** A row after its runs. */
export interface RowReport {
  readonly name: string
  readonly title: string
  readonly figures: Partial<Record<System, Figures>>
  readonly checks: readonly Check[]
  /** Set when the row could not be run: why. */
  readonly skipped?: string
}

/** The median; the mean of the middle two of an even count. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2
}

/** The median of each figure on its own. */
export function medianFigures(all: readonly Figures[]): Figures {
  const of = (value: (one: Figures) => number | null): number | null => {
    const known = all.map(value).filter((one) => one !== null)
    return known.length === 0 ? null : median(known)
  }
  return {
    perSecond: of((one) => one.perSecond) ?? 0,
    mibPerS: of((one) => one.mibPerS) ?? 0,
    p50Us: of((one) => one.p50Us) ?? 0,
    p99Us: of((one) => one.p99Us) ?? 0,
    cpuMsPerMib: of((one) => one.cpuMsPerMib),
    idleMib: of((one) => one.idleMib),
    loadedMib: of((one) => one.loadedMib),
  }
}

/** Whether a check holds. */
export const holds = (check: Check): boolean =>
  check.bound === 'least' ? check.value >= check.limit : check.value <= check.limit

const HEAD = [
  ...['Row', 'Bare /s', 'Ours /s', 'Kafka /s', 'Of bare', 'x Kafka'],
  ...['p50 µs bare · ours · Kafka', 'p99 µs bare · ours · Kafka'],
  ...['CPU ms/MiB bare · ours · Kafka', 'RSS MiB idle → loaded', 'Targets'],
]

/** The table as Markdown, one line a row. */
export function markdown(reports: readonly RowReport[]): string {
  const lines = reports.map((report) => `| ${cells(report).join(' | ')} |`)
  return [`| ${HEAD.join(' | ')} |`, `|${HEAD.map(() => '---|').join('')}`, ...lines].join('\n')
}

function cells(report: RowReport): string[] {
  const { bare, ours, kafka } = report.figures
  const three = (value: (one: Figures) => number | null): string =>
    [bare, ours, kafka].map((one) => number(one === undefined ? null : value(one))).join(' · ')
  const speed = (one?: Figures): string => number(one?.perSecond ?? null)
  const ratio = (other?: Figures): number | null =>
    ours === undefined || other === undefined ? null : ours.perSecond / other.perSecond
  const share = ratio(bare)
  const times = ratio(kafka)
  return [
    `\`${report.name}\` ${report.title}`,
    ...[speed(bare), speed(ours), speed(kafka)],
    share === null ? '–' : `${number(share * 100)} %`,
    times === null ? '–' : `${number(times)}`,
    ...[three((one) => one.p50Us), three((one) => one.p99Us), three((one) => one.cpuMsPerMib)],
    `${number(ours?.idleMib ?? null)} → ${number(ours?.loadedMib ?? null)}`,
    report.skipped === undefined
      ? report.checks.map(checkText).join('; ')
      : `not run: ${report.skipped}`,
  ]
}

/** A check in words, e.g. `ok of bare 82 % (≥ 70 %)`. */
export function checkText(check: Check): string {
  const show = (value: number): string => {
    if (check.unit === '%') return `${number(value * 100)} %`
    return check.unit === 'x' ? `${number(value)}×` : `${number(value)} ${check.unit}`.trim()
  }
  const sign = check.bound === 'least' ? '≥' : '≤'
  const verdict = holds(check) ? 'ok' : 'MISSED'
  return `${verdict} ${check.what} ${show(check.value)} (${sign} ${show(check.limit)})`
}

/** Three figures are enough of any measurement. */
function number(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '–'
  if (value === 0) return '0'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return Number(value.toFixed(Math.min(digits, 4))).toLocaleString('en-US')
}
