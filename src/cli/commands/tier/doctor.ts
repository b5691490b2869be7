// `tier doctor`: puts a bucket to the test, and says what the tier can count on there. It writes
// below a prefix of its own and removes that again.
import { Command } from 'commander'
import { OperatingError } from '../../../base/errors.ts'
import type { Finding } from '../../../tier/doctor/finding.ts'
import { probe } from '../../../tier/doctor/probe.ts'
import type { Io } from '../../io.ts'
import type { Services } from '../../services.ts'

interface DoctorFlags {
  readonly store: string
  readonly json?: true
}

const NAMES_WIDTH = 'swap by token'.length + 2

/** The `tier doctor` command. */
export function doctorCommand(io: Io, services: NonNullable<Services['tier']>): Command {
  return new Command('doctor')
    .description('put a bucket to the test: credentials, conditions, ranges, listings, speed')
    .requiredOption('--store <url>', 'file:///dir, s3://bucket/prefix, gs://… or az://…')
    .option('--json', 'print JSON')
    .action(async (flags: DoctorFlags) => {
      const findings: Finding[] = []
      const { openStore, crypto, clock } = await services()
      const store = await openStore(flags.store)
      try {
        const probing = probe({
          store,
          clock,
          prefix: `doctor-${crypto.uuid()}/`,
          randomBytes: (count) => crypto.randomBytes(count),
          readUrl,
          stopped: io.stopped,
        })
        for await (const finding of probing) {
          findings.push(finding)
          if (flags.json !== true) await io.out.write(lineOf(finding))
        }
      } finally {
        await store.close()
      }
      if (flags.json === true) await io.out.write(`${JSON.stringify(findings, null, 2)}\n`)
      const missing = findings.filter(({ verdict }) => verdict === 'no').length
      if (missing === 0) return
      const things = missing === 1 ? 'something' : `${missing} things`
      throw new OperatingError('refused', `${store.traits.url} lacks ${things} that the tier needs`)
    })
}

const lineOf = ({ check, verdict, text }: Finding): string =>
  `${verdict.padEnd(4)}  ${check.padEnd(NAMES_WIDTH)}${text}\n`

async function readUrl(
  url: string,
): Promise<{ readonly status: number; readonly bytes: Uint8Array }> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(30_000) })
    return { status: answer.status, bytes: new Uint8Array(await answer.arrayBuffer()) }
  } catch (cause) {
    throw new OperatingError('retry', 'A signed URL could not be fetched from here', cause)
  }
}
