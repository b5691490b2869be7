// The terminal as the commands see it: two sinks that push back, one source, and a signal that
// says when to stop. Commands write here and nowhere else, so that a test can stand in for the
// terminal. It knows nothing of what is written.

/** Where text and bytes go. `write` resolves once the sink can take more. */
export interface Sink {
  write(data: string | Uint8Array): Promise<void>
  readonly isTerminal: boolean
}

/** The standard streams of one run, and its end. */
export interface Io {
  readonly out: Sink
  readonly err: Sink
  /** Chunks of standard input; each is the reader's to keep. */
  readonly input: AsyncIterable<Uint8Array>
  /** Aborted by the first SIGINT or SIGTERM; the second ends the process at once. */
  readonly stopped: AbortSignal
}

/** The part of a Node stream that a sink needs. */
interface Writable {
  write(data: string | Uint8Array, done: (error?: Error | null) => void): boolean
  readonly isTTY?: boolean
}

/** A sink over a stream of the process. A reader that went away (`| head`) ends the run quietly. */
export function streamSink(stream: Writable): Sink {
  return {
    isTerminal: stream.isTTY === true,
    write: (data) =>
      new Promise((resolve, reject) => {
        const room = stream.write(data, (error) => {
          if (error) reject(error)
          else resolve()
        })
        if (room) resolve()
      }),
  }
}

/** The streams and signals of this process. */
export function processIo(): Io {
  const stopped = new AbortController()
  const onSignal = (): void => {
    if (stopped.signal.aborted) process.exit(130)
    stopped.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      process.exit(error.code === 'EPIPE' ? 0 : 1)
    })
  }
  return {
    out: streamSink(process.stdout),
    err: streamSink(process.stderr),
    input: process.stdin,
    stopped: stopped.signal,
  }
}
