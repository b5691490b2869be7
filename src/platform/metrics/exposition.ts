// Metrics as text, in the two formats that scrapers ask for: Prometheus text 0.0.4 and OpenMetrics
// 1.0. Pure: from families to a string. They differ in what a counter's family is called, in how
// help and whole bucket bounds are written, and in the end mark.
import type { Labels } from '../../ports/telemetry.ts'
import { labelPairs } from './family.ts'
import type { Family, HistogramSeries, LabelPairs } from './family.ts'

/** `text` is Prometheus text 0.0.4, `openmetrics` is OpenMetrics 1.0. */
export type MetricsFormat = 'text' | 'openmetrics'

/** All families as text. `failed` is told of each gauge that threw; it is left out. */
export function exposition(
  families: Iterable<Family>,
  format: MetricsFormat,
  failed: (name: string, error: unknown) => void,
): string {
  const out: string[] = []
  for (const family of families) {
    const lines = samples(family, format, failed)
    if (lines !== null) out.push(...heading(family, format), ...lines)
  }
  if (format === 'openmetrics') out.push('# EOF')
  return out.length === 0 ? '' : `${out.join('\n')}\n`
}

function heading(family: Family, format: MetricsFormat): string[] {
  const open = format === 'openmetrics'
  const name = open && family.kind === 'counter' ? familyName(family.name) : family.name
  const unit = /_(seconds|bytes|ratio)$/.exec(name)?.[1]
  const lines = [`# TYPE ${name} ${family.kind}`]
  if (open && unit !== undefined) lines.push(`# UNIT ${name} ${unit}`)
  const help = open ? escapeValue(family.help) : escapeHelp(family.help)
  // Text 0.0.4 takes either order; help first is what people expect there.
  if (open) lines.push(`# HELP ${name} ${help}`)
  else lines.unshift(`# HELP ${name} ${help}`)
  return lines
}

/** A counter's name without `_total`, which OpenMetrics adds to the sample only. */
export const familyName = (name: string): string => name.replace(/_total$/, '')

/** The sample lines of one family; null when it cannot be read. */
function samples(
  family: Family,
  format: MetricsFormat,
  failed: (name: string, error: unknown) => void,
): string[] | null {
  const lines: string[] = []
  if (family.kind === 'counter') {
    for (const { labels, value } of family.series.values()) {
      lines.push(`${family.name}${braces(labels)} ${numberText(value)}`)
    }
    return lines
  }
  if (family.kind === 'histogram') {
    for (const series of family.series.values()) pushBuckets(lines, family.name, series, format)
    return lines
  }
  try {
    const seen = new Set<string>()
    for (const [labels, value] of gaugeValues(family.read())) {
      const series = `${family.name}${braces(labelPairs(labels))}`
      // Scrapers refuse everything when one series comes twice.
      if (seen.has(series)) continue
      seen.add(series)
      lines.push(`${series} ${numberText(value)}`)
    }
    return lines
  } catch (error) {
    failed(family.name, error)
    return null
  }
}

const gaugeValues = (
  read: number | Iterable<readonly [Labels, number]>,
): Iterable<readonly [Labels, number]> => (typeof read === 'number' ? [[{}, read]] : read)

function pushBuckets(
  lines: string[],
  name: string,
  series: HistogramSeries,
  format: MetricsFormat,
): void {
  const { labels, bounds, counts } = series
  let count = 0
  for (let i = 0; i < counts.length; i++) {
    count += counts[i] ?? 0
    const bound = bounds[i] ?? Infinity
    const le = boundText(bound, format)
    lines.push(`${name}_bucket${braces([...labels, ['le', le]])} ${numberText(count)}`)
  }
  lines.push(`${name}_sum${braces(labels)} ${numberText(series.sum)}`)
  lines.push(`${name}_count${braces(labels)} ${numberText(count)}`)
}

/** OpenMetrics wants bounds as floats, so that `1` and `1.0` do not become two series. */
function boundText(bound: number, format: MetricsFormat): string {
  const text = numberText(bound)
  return format === 'openmetrics' && /^-?\d+$/.test(text) ? `${text}.0` : text
}

function numberText(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}

function braces(labels: LabelPairs): string {
  if (labels.length === 0) return ''
  return `{${labels.map(([name, value]) => `${name}="${escapeValue(value)}"`).join(',')}}`
}

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')

const escapeValue = (text: string): string => escapeHelp(text).replaceAll('"', '\\"')
