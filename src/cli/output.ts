// How results look: a table for people, JSON for programs, and one progress line on a terminal's
// stderr during long work. Colors appear on terminals alone and never in JSON or record bytes.
// It knows nothing of topics or groups.
import pc from 'picocolors'
import type { Io } from './io.ts'

/** One cell of a listing. */
export type Cell = string | number | boolean | null | readonly (string | number)[]

/** One row of a listing, its keys in column order. */
export type Row = Readonly<Record<string, Cell>>

/** Prints rows as JSON when asked, else as a table with the given column titles. */
export async function printRows(
  io: Io,
  rows: readonly Row[],
  options: { readonly json: boolean; readonly empty: string },
): Promise<void> {
  if (options.json) return io.out.write(`${JSON.stringify(rows, null, 2)}\n`)
  const first = rows[0]
  if (first === undefined) return io.out.write(`${options.empty}\n`)
  const { default: Table } = await import('cli-table3')
  const color = io.out.isTerminal ? pc.bold : String
  const table = new Table({
    head: Object.keys(first).map((key) => color(key.toUpperCase())),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: BORDERLESS,
    colAligns: Object.values(first).map((cell) => (typeof cell === 'number' ? 'right' : 'left')),
  })
  for (const row of rows) table.push(Object.values(row).map(cellText))
  const lines = table.toString().split('\n')
  await io.out.write(`${lines.map((line) => line.trimEnd()).join('\n')}\n`)
}

/** Prints one object: JSON when asked, else `name: value` lines. */
export async function printFacts(io: Io, facts: Row, json: boolean): Promise<void> {
  if (json) return io.out.write(`${JSON.stringify(facts, null, 2)}\n`)
  const entries = Object.entries(facts)
  const width = Math.max(...entries.map(([name]) => name.length))
  const lines = entries.map(([name, cell]) => `${`${name}:`.padEnd(width + 2)}${cellText(cell)}`)
  await io.out.write(`${lines.join('\n')}\n`)
}

/** Confirms an act in words; silent with `--json`, whose readers look at the exit code. */
export async function say(io: Io, json: boolean, text: string): Promise<void> {
  if (!json) await io.out.write(`${text}\n`)
}

function cellText(cell: Cell): string {
  if (cell === null || cell === '') return '-'
  if (typeof cell === 'object') return cell.length === 0 ? '-' : cell.join(',')
  return String(cell)
}

const BORDERLESS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
} as const

const PROGRESS_MS = 200

/** A line rewritten in place while long work runs; invisible unless stderr is a terminal. */
export interface Progress {
  /** Shows what was done so far; cheap to call often. */
  show(records: number, bytes: number): void
  /** Wipes the line. */
  clear(): void
}

/** Starts a progress line, e.g. `produced 12,000 records, 1.2 MB, 6.0 MB/s`. */
export function startProgress(io: Io, verb: string): Progress {
  const started = performance.now()
  let shown = started
  let visible = false
  return {
    show: (records, bytes) => {
      const now = performance.now()
      if (!io.err.isTerminal || now - shown < PROGRESS_MS) return
      shown = now
      visible = true
      const rate = megabytes(bytes / ((now - started) / 1000))
      const text = `${verb} ${records.toLocaleString('en')} records, ${megabytes(bytes)}, ${rate}/s`
      void io.err.write(`\r\u001b[K${pc.dim(text)}`)
    },
    clear: () => {
      if (visible) void io.err.write('\r\u001b[K')
      visible = false
    },
  }
}

/** Bytes as decimal megabytes, as disks and networks count them. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
