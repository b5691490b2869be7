// What several commands share: flags that mean the same everywhere, and a client that is closed
// whatever happens. Kept to that.
import { Option } from 'commander'
import type { Command } from 'commander'
import type { Client } from '../client/client.ts'
import type { Io } from '../io.ts'
import { hostPort } from '../values.ts'

/** Flags of every client command. */
export interface ClientFlags {
  readonly bootstrap: string
}

/** Flags of every listing. */
export interface ListingFlags extends ClientFlags {
  readonly json?: true
}

/** Adds `--bootstrap`. */
export function withBootstrap(command: Command): Command {
  return command.addOption(
    new Option('--bootstrap <host:port>', 'any broker of the cluster')
      .default('127.0.0.1:9092')
      .env('STRATALOG_BOOTSTRAP'),
  )
}

/** Adds `--bootstrap` and `--json`. */
export function withListing(command: Command): Command {
  return withBootstrap(command).option('--json', 'print JSON')
}

/** Gathers the values of a repeatable flag. */
export function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value]
}

/**
 * Runs `work` with a connected client and closes it afterwards. When the user stops the command the
 * client is closed at once and `work` fails, unless it `endsItself` and still needs the client.
 */
export async function withClient<Result>(
  flags: ClientFlags,
  io: Io,
  work: (client: Client) => Promise<Result>,
  options: { readonly endsItself: boolean } = { endsItself: false },
): Promise<Result> {
  const bootstrap = hostPort(flags.bootstrap, '--bootstrap')
  const { Client } = await import('../client/client.ts')
  const client = await Client.connect(bootstrap, io.stopped)
  const close = (): void => client.close()
  if (!options.endsItself) io.stopped.addEventListener('abort', close, { once: true })
  try {
    return await work(client)
  } finally {
    io.stopped.removeEventListener('abort', close)
    close()
  }
}
