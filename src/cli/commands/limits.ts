// `bench limits`: what this machine and this runtime allow a broker at most. Alone it measures the
// device, the checksum and memory in a few seconds; with --serve it runs the bare server, which a
// load generator aims at, so that the broker's figures can be read as a share of the possible.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { UsageError } from '../../base/errors.ts'
import type { Io } from '../io.ts'
import { printFacts } from '../output.ts'
import { hostPort, hostPortText, oneOf, wholeNumber } from '../values.ts'

const LEVELS = ['memory', 'write', 'fsync'] as const

interface Flags {
  readonly serve?: string
  readonly ackAfter: string
  readonly dataDir?: string
  readonly mib: string
  readonly json?: true
}

/** The `limits` command. */
export function limitsCommand(io: Io): Command {
  return new Command('limits')
    .description('measure what device and runtime allow, or run the bare server to compare with')
    .option('--serve <host:port>', 'run the bare server: Produce v7, one batch a request, no reads')
    .option('--ack-after <level>', `of the bare server: ${LEVELS.join(', ')}`, 'write')
    .option('--data-dir <dir>', 'where to write, on the device in question (a temporary directory)')
    .option('--mib <n>', 'MiB to write and read', '512')
    .option('--json', 'print JSON')
    .action(async (_own: Flags, command: Command) => {
      // --json is an option of `bench` as well, which then takes it.
      const flags = command.optsWithGlobals<Flags>()
      const parent = flags.dataDir ?? tmpdir()
      const directory = await mkdtemp(join(parent, 'stratalog-limits-')).catch((cause: unknown) => {
        const text = `--data-dir takes a directory to write in, not '${parent}'`
        throw new UsageError(text, { cause })
      })
      try {
        if (flags.serve === undefined) await measure(io, directory, flags)
        else await serve(io, directory, flags.serve, flags)
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    })
}

async function measure(io: Io, directory: string, flags: Flags): Promise<void> {
  const { measureLimits } = await import('../limits/device.ts')
  const mib = wholeNumber(flags.mib, '--mib', { least: 16, most: 65536 })
  await printFacts(io, { ...(await measureLimits(directory, mib)) }, flags.json === true)
}

async function serve(io: Io, directory: string, listen: string, flags: Flags): Promise<void> {
  const { startBareServer } = await import('../limits/bare-server.ts')
  const server = await startBareServer({
    directory,
    listen: hostPort(listen, '--serve'),
    ackAfter: oneOf(LEVELS, flags.ackAfter, '--ack-after'),
  })
  const segments = server.direct ? 'direct' : 'buffered'
  await io.out.write(`ready kafka=${hostPortText(server.address)} segments=${segments}\n`)
  const failure = await Promise.race([server.failed, stopAsked(io.stopped)])
  await server.close()
  if (failure !== null) throw failure
}

function stopAsked(stopped: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (stopped.aborted) resolve(null)
    else stopped.addEventListener('abort', () => resolve(null), { once: true })
  })
}
