// A strict reader of metrics text, written from the two format specifications and not from the
// writer: it throws on anything that a scraper would refuse or count twice.

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface ParsedFamily {
  readonly type: string
  readonly help: string
  readonly unit: string | null
  readonly samples: Sample[]
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*/
const NUMBER = /^(?:[+-]?Inf|NaN|[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)$/

const fail = (why: string, line: string): never => {
  throw new Error(`${why}: ${line}`)
}

/** Families by name; throws on the first deviation. */
export function parseMetrics(
  text: string,
  format: 'text' | 'openmetrics',
): Map<string, ParsedFamily> {
  if (!text.endsWith('\n')) throw new Error('The last line ends with a line feed')
  const lines = text.slice(0, -1).split('\n')
  if (format === 'openmetrics' && lines.pop() !== '# EOF') throw new Error('No # EOF at the end')
  const families = new Map<string, ParsedFamily>()
  const seen = new Set<string>()
  let meta: { name: string; type?: string; help?: string; unit?: string } | null = null
  let current: ParsedFamily | null = null
  let currentName = ''
  const begin = (line: string): void => {
    if (meta === null) return
    const { name, type, help, unit } = meta
    meta = null
    if (type === undefined || help === undefined) return fail('Type or help is missing', line)
    if (families.has(name)) return fail('A family came twice', line)
    if (unit !== undefined && !name.endsWith(`_${unit}`)) return fail('Unit not in name', line)
    current = { type, help, unit: unit ?? null, samples: [] }
    currentName = name
    families.set(name, current)
  }
  for (const line of lines) {
    if (line === '') fail('An empty line', line)
    if (line.startsWith('#')) {
      const found = /^# (HELP|TYPE|UNIT) ([^ ]+) (.*)$/s.exec(line)
      if (found === null) return fail('A comment of no kind', line)
      const [, kind = '', name = '', rest = ''] = found
      if (NAME.exec(name)?.[0] !== name) fail('Not a name', line)
      if (meta !== null && meta.name !== name) begin(line)
      meta ??= { name }
      if (kind === 'TYPE') {
        if (meta.type !== undefined) fail('Two types', line)
        if (!['counter', 'gauge', 'histogram'].includes(rest)) fail('No such type', line)
        meta.type = rest
      } else if (kind === 'HELP') {
        if (meta.help !== undefined) fail('Two helps', line)
        meta.help = unescape(rest, format === 'openmetrics', line)
      } else if (kind === 'UNIT' && format === 'openmetrics') meta.unit = rest
      else fail('A kind that the format does not have', line)
      continue
    }
    begin(line)
    const sample = parseSample(line)
    const family: ParsedFamily = current ?? fail('A sample without a family', line)
    if (!sampleNames(currentName, family.type, format).includes(sample.name)) {
      fail(`Not a sample of ${currentName}`, line)
    }
    const names = Object.keys(sample.labels).sort()
    const key = JSON.stringify([sample.name, names.map((name) => [name, sample.labels[name]])])
    if (seen.has(key)) fail('A series came twice', line)
    seen.add(key)
    family.samples.push(sample)
  }
  begin('the end')
  for (const [name, family] of families)
    if (family.type === 'histogram') checkHistogram(name, family)
  return families
}

function sampleNames(family: string, type: string, format: string): string[] {
  if (type === 'counter') {
    if (format === 'openmetrics' && family.endsWith('_total')) return []
    return [format === 'openmetrics' ? `${family}_total` : family]
  }
  if (type === 'gauge') return [family]
  return [`${family}_bucket`, `${family}_sum`, `${family}_count`]
}

function parseSample(line: string): Sample {
  const name = NAME.exec(line)?.[0] ?? fail('No name', line)
  let rest = line.slice(name.length)
  const labels: Record<string, string> = {}
  if (rest.startsWith('{')) {
    rest = rest.slice(1)
    for (;;) {
      const label = LABEL.exec(rest)?.[0] ?? fail('No label name', line)
      const quoted = /^="((?:[^"\\]|\\.)*)"/s.exec(rest.slice(label.length))
      if (quoted === null) return fail('No label value', line)
      if (Object.hasOwn(labels, label)) fail('A label came twice', line)
      labels[label] = unescape(quoted[1] ?? '', true, line)
      rest = rest.slice(label.length + quoted[0].length)
      if (rest.startsWith('}')) break
      if (!rest.startsWith(',')) fail('No comma between labels', line)
      rest = rest.slice(1)
    }
    rest = rest.slice(1)
  }
  if (!rest.startsWith(' ')) fail('No space before the value', line)
  const text = rest.slice(1)
  if (!NUMBER.test(text)) fail('Not a number', line)
  return { name, labels, value: Number(text.replace('Inf', 'Infinity')) }
}

function unescape(text: string, quotes: boolean, line: string): string {
  if (quotes && /(?<!\\)(?:\\\\)*"/.test(text)) fail('A bare quote', line)
  return text.replace(/\\(.?)/gs, (_, character: string) => {
    if (character === 'n') return '\n'
    if (character === '\\' || (character === '"' && quotes)) return character
    return fail('An unknown escape', line)
  })
}

/** Buckets ascend and cumulate, the last is +Inf and equals the count, per set of labels. */
function checkHistogram(name: string, family: ParsedFamily): void {
  const sets = new Map<string, Sample[]>()
  for (const sample of family.samples) {
    const { le: _, ...labels } = sample.labels
    const key = JSON.stringify(labels)
    sets.set(key, [...(sets.get(key) ?? []), sample])
  }
  for (const [key, samples] of sets) {
    const buckets = samples.filter((sample) => sample.name === `${name}_bucket`)
    const bounds = buckets.map((sample) => Number(sample.labels['le']?.replace('Inf', 'Infinity')))
    const counts = buckets.map((sample) => sample.value)
    const rising = (list: readonly number[], strict: boolean): boolean =>
      list.every((v, i) => i === 0 || (strict ? v > (list[i - 1] ?? 0) : v >= (list[i - 1] ?? 0)))
    if (!rising(bounds, true)) fail('Bounds do not ascend', key)
    if (!rising(counts, false)) fail('Buckets are not cumulated', key)
    if (bounds.at(-1) !== Infinity) fail('The last bucket is not +Inf', key)
    const count = samples.find((sample) => sample.name === `${name}_count`)
    if (count?.value !== counts.at(-1)) fail('The count is not the last bucket', key)
    if (!samples.some((sample) => sample.name === `${name}_sum`)) fail('No sum', key)
  }
}
