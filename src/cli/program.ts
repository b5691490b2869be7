// The command line as a whole: which commands there are, how a run ends, and how failures read. A
// usage error is one sentence that says what to do, exit code 2; any other failure one sentence on
// stderr, exit code 1. This is the CLI's wall: what is thrown below ends here.
import { Command, CommanderError } from 'commander'
import { FormatError, KafkaError, OperatingError, UsageError } from '../base/errors.ts'
import { errorName } from '../base/error-codes.ts'
import { isRetriable } from './client/retry.ts'
import { VERSION } from '../base/version.ts'
import type { Io } from './io.ts'
import type { Services } from './services.ts'

/** Runs one command line, the words after the program's name; resolves with the exit code. */
export async function run(argv: readonly string[], io: Io, services: Services): Promise<number> {
  const program = await buildProgram(argv[0] ?? '', io, services)
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return 0
  } catch (error) {
    return report(error, io, argv)
  }
}

type Loader = (io: Io, services: Services) => Promise<Command | null>

/** What makes each command; null where this build lacks what the command needs. */
const loaders: Readonly<Record<string, Loader>> = {
  start: async (io, { startBroker }) => {
    if (startBroker === undefined) return null
    return (await import('./commands/start.ts')).startCommand(io, startBroker)
  },
  topic: async (io) => (await import('./commands/topic.ts')).topicCommand(io),
  group: async (io) => (await import('./commands/group.ts')).groupCommand(io),
  produce: async (io, { recordTools }) => {
    if (recordTools === undefined) return null
    return (await import('./commands/produce.ts')).produceCommand(io, recordTools)
  },
  consume: async (io, { recordTools }) => {
    if (recordTools === undefined) return null
    return (await import('./commands/consume.ts')).consumeCommand(io, recordTools)
  },
  bench: async (io, { recordTools }) => {
    if (recordTools !== undefined) {
      return (await import('./commands/bench.ts')).benchCommand(io, recordTools)
    }
    const { limitsCommand } = await import('./commands/limits.ts')
    return new Command('bench').addCommand(limitsCommand(io))
  },
  dump: async (io, { decoders }) => {
    if (decoders === undefined) return null
    return (await import('./commands/dump.ts')).dumpCommand(io, decoders)
  },
  tier: async (io, { tier }) => {
    if (tier === undefined) return null
    return (await import('./commands/tier/tier.ts')).tierCommand(io, tier)
  },
  config: async (io, { explainConfig }) => {
    if (explainConfig === undefined) return null
    return (await import('./commands/config.ts')).configCommand(io, explainConfig)
  },
}

/** The command that `name` names, wired to the given terminal; all of them if it names none. */
async function buildProgram(name: string, io: Io, services: Services): Promise<Command> {
  const program = new Command('stratalog')
    .description('A cloud-tiered distributed log that speaks the Apache Kafka protocol.')
    .version(VERSION, '-V, --version', 'output the version')
    .showSuggestionAfterError()
  // The code of the others is not even loaded: a broker has to be up soon.
  const names = Object.hasOwn(loaders, name) ? [name] : Object.keys(loaders)
  for (const wanted of names) {
    const command = await loaders[wanted]?.(io, services)
    if (command !== null && command !== undefined) program.addCommand(command)
  }
  settle(program, io)
  return program
}

/** No command may exit or print by itself; applied to every command below as well. */
function settle(command: Command, io: Io): void {
  command.exitOverride()
  command.configureOutput({
    writeOut: (text) => void io.out.write(text),
    writeErr: (text) => void io.err.write(text),
    outputError: () => undefined,
  })
  for (const child of command.commands) settle(child, io)
}

async function report(error: unknown, io: Io, argv: readonly string[]): Promise<number> {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0 // --help, --version
    // `stratalog` or `stratalog topic` alone: commander has shown the help.
    if (error.code === 'commander.help') return 2
    await io.err.write(`stratalog: ${sentence(error.message, argv)}\n`)
    return 2
  }
  if (error instanceof UsageError) {
    await io.err.write(`stratalog: ${error.message}\n`)
    return 2
  }
  // The user has stopped it: what failed since then failed because of that.
  if (io.stopped.aborted && (isAbort(error) || isRetriable(error))) return 130
  await io.err.write(`stratalog: ${describe(error)}\n`)
  return 1
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

/** Commander's two lines as one sentence that says what to do. */
function sentence(message: string, argv: readonly string[]): string {
  const [first = '', hint] = message.replace(/^error: /, '').split('\n')
  const meant = hint === undefined ? null : /^\(Did you mean (.*)\?\)$/.exec(hint)
  if (meant !== null) return `${first}; did you mean ${String(meant[1])}?`
  const command = argv.filter((word) => /^[a-z]+$/.test(word)).slice(0, 1)
  return `${first}; see 'stratalog ${[...command, '--help'].join(' ')}'`
}

/** One line for a failure: what was done, why it failed. */
export function describe(error: unknown): string {
  if (error instanceof KafkaError) return `${error.message} (${errorName(error.code)})`
  if (!(error instanceof Error)) return String(error)
  // Our own errors say their cause in their text.
  const ours = error instanceof OperatingError || error instanceof FormatError
  const cause = !ours && error.cause instanceof Error ? `: ${error.cause.message}` : ''
  return (error.message + cause).replaceAll('\n', ' ')
}
