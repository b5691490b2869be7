// Runs one command line in this process, with the terminal replaced by memory.
// What it prints and how it ends come back as values.
import { run } from '../../src/cli/program.ts'
import type { Io, Sink } from '../../src/cli/io.ts'
import type { Services } from '../../src/cli/services.ts'
import { tools } from './fake-cluster.ts'

export interface Outcome {
  readonly code: number
  readonly out: string
  readonly bytes: Uint8Array
  readonly err: string
}

export interface RunOptions {
  readonly input?: Iterable<Uint8Array | string> | AsyncIterable<Uint8Array>
  readonly services?: Services
  readonly stopped?: AbortSignal
  /** Called with each write to standard output. */
  readonly onOut?: (text: string) => void
}

export async function runCli(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const out: Uint8Array[] = []
  const err: Uint8Array[] = []
  const io: Io = {
    out: memorySink(out, options.onOut),
    err: memorySink(err),
    input: chunksOf(options.input ?? []),
    stopped: options.stopped ?? new AbortController().signal,
  }
  const services = options.services ?? { recordTools: () => Promise.resolve(tools) }
  const code = await run(argv, io, services)
  const bytes = Buffer.concat(out)
  return { code, bytes, out: bytes.toString('utf8'), err: Buffer.concat(err).toString('utf8') }
}

function memorySink(chunks: Uint8Array[], onWrite?: (text: string) => void): Sink {
  return {
    isTerminal: false,
    write: (data) => {
      chunks.push(Buffer.from(data))
      onWrite?.(Buffer.from(data).toString('utf8'))
      return Promise.resolve()
    },
  }
}

async function* chunksOf(
  input: Iterable<Uint8Array | string> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of input) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk
}
