// `dump FILE`: prints any file that a broker writes, one line per entry, for people who look into
// a data directory. Damage is listed where it lies and makes the run fail at its end. The formats
// are known to the decoders that are handed in, not here.
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { Command } from 'commander'
import { OperatingError, UsageError } from '../../base/errors.ts'
import type { Io } from '../io.ts'
import type { DumpRow, FileDecoder, Services } from '../services.ts'

const HEAD_BYTES = 4096

/** The `dump` command over the given decoders. */
export function dumpCommand(io: Io, decoders: NonNullable<Services['decoders']>): Command {
  return new Command('dump')
    .description('print a file of a data directory, one line per entry')
    .argument('<file>', 'journal, segment, snapshot or any other file of ours')
    .option('--json', 'print one JSON object per line')
    .option('--verbose', 'print what indexes and snapshots inside the file hold')
    .action(async (file: string, flags: { readonly json?: true; readonly verbose?: true }) => {
      const decoder = await pick(file, await decoders())
      const json = flags.json === true
      if (!json) await io.out.write(`${file}: ${decoder.name}\n`)
      let damages = 0
      for await (const row of decoder.dump(file, { verbose: flags.verbose === true })) {
        if (io.stopped.aborted) return
        if (row['what'] === 'damage') damages++
        await io.out.write(`${json ? JSON.stringify(row) : rowText(row)}\n`)
      }
      if (damages === 0) return
      const places = damages === 1 ? 'one place' : `${damages} places`
      throw new OperatingError('corrupt', `${file} is damaged in ${places}`)
    })
}

/** A row as `name=value` words; a value that is no single word stands as JSON. */
function rowText(row: DumpRow): string {
  const words = Object.entries(row).map(([name, value]) => {
    const plain = typeof value === 'object' && value !== null ? null : String(value)
    return `${name}=${plain !== null && /^[^\s"]+$/.test(plain) ? plain : JSON.stringify(value)}`
  })
  return words.join(' ')
}

async function pick(file: string, decoders: readonly FileDecoder[]): Promise<FileDecoder> {
  const head = await readHead(file)
  const found = decoders.find((decoder) => decoder.matches(basename(file), head))
  if (found === undefined) {
    const names = decoders.map((decoder) => decoder.name).join(', ')
    throw new UsageError(`${file} is none of ours; dump reads ${names}`)
  }
  return found
}

async function readHead(file: string): Promise<Uint8Array> {
  try {
    const handle = await open(file, 'r')
    try {
      const head = new Uint8Array(HEAD_BYTES)
      const { bytesRead } = await handle.read(head, 0, HEAD_BYTES, 0)
      return head.subarray(0, bytesRead)
    } finally {
      await handle.close()
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'error'
    throw new OperatingError('absent', `Cannot read ${file}: ${code}`, cause)
  }
}
