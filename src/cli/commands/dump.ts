// `dump FILE`: prints any file that a broker writes, one line per entry, for people who look into
// a data directory. The formats are known to the decoders that are handed in, not here.
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { Command } from 'commander'
import { OperatingError, UsageError } from '../../base/errors.ts'
import type { Io } from '../io.ts'
import type { FileDecoder, Services } from '../services.ts'

const HEAD_BYTES = 4096

/** The `dump` command over the given decoders. */
export function dumpCommand(io: Io, decoders: NonNullable<Services['decoders']>): Command {
  return new Command('dump')
    .description('print a file of a data directory, one line per entry')
    .argument('<file>', 'journal, segment, snapshot or any other file of ours')
    .option('--json', 'print one JSON object per line')
    .action(async (file: string, flags: { readonly json?: true }) => {
      const decoder = await pick(file, await decoders())
      if (flags.json !== true) await io.out.write(`${file}: ${decoder.name}\n`)
      for await (const row of decoder.dump(file)) {
        if (io.stopped.aborted) return
        const line =
          flags.json === true
            ? JSON.stringify(row)
            : Object.entries(row)
                .map(([name, value]) => `${name}=${String(value)}`)
                .join(' ')
        await io.out.write(`${line}\n`)
      }
    })
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
