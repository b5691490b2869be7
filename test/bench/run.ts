// `npm run bench`: runs the rows of the table one after the other and prints it as Markdown. What a
// machine lacks (a C compiler, Java, Maven) is replaced or left out and said so. Exit code 1 when a
// row failed to run; a missed target is printed, not an error, because machines differ.
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, release, tmpdir, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import type { Bench, Plan, Row } from './bench.ts'
import { KafkaHome } from './kafka/kafka.ts'
import { openLoadClient } from './load/client.ts'
import { sweep } from './process.ts'
import { markdown } from './report.ts'
import type { RowReport } from './report.ts'
import { ROWS } from './rows.ts'
import { SYSTEMS } from './targets/target.ts'

const HELP = `npm run bench -- [options]
  --row NAME     only the rows whose name begins so; repeatable; --list prints the names
  --quick        one run of 3 seconds for each row: a smoke test, not a measurement
  --sustained    runs of 20 seconds instead of 5: more bytes than caches and journal hold
  --rounds N     measurements of each system in each row (5); figures are medians
  --seconds N    seconds of one measurement, after one second of warm-up (5)
  --no-kafka     leave Kafka out (it needs Java 17 and Maven)
  --systems LIST only these of ${SYSTEMS.join()}; what compares with the others is left out
  --load KIND    native or node: which load generator; native where there is a C compiler
  --dir DIR      where data directories are made: on the device in question (${tmpdir()})
  --json FILE    write the reports as JSON too`

const { values: flags } = parseArgs({
  options: {
    row: { type: 'string', multiple: true },
    list: { type: 'boolean' },
    quick: { type: 'boolean' },
    sustained: { type: 'boolean' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    'no-kafka': { type: 'boolean' },
    systems: { type: 'string', default: SYSTEMS.join() },
    load: { type: 'string' },
    dir: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean' },
  },
})

const say = (text: string): void => void process.stderr.write(`${text}\n`)
process.exitCode = await main()

async function main(): Promise<number> {
  if (flags.help === true || flags.list === true) {
    const names = ROWS.map(({ name, title }) => `${name.padEnd(28)} ${title}`)
    process.stdout.write(`${flags.list === true ? names.join('\n') : HELP}\n`)
    return 0
  }
  const rows = chosenRows(flags.row)
  if (rows.length === 0) {
    say('no row has such a name; --list prints the names')
    return 2
  }
  const reports: RowReport[] = []
  const bench = await open(reports)
  let failures = 0
  for (const row of rows) {
    say(`${row.name}: ${row.title}`)
    const { name, title } = row
    try {
      reports.push({ name, title, ...(await row.run(bench)) })
    } catch (error) {
      // The runner's wall: one row that fails does not take the others with it.
      failures++
      say(String(error))
      sweep()
      reports.push({ name, title, figures: {}, checks: [], skipped: firstLine(error) })
    }
  }
  process.stdout.write(`${machine(bench)}\n\n${markdown(reports)}\n`)
  if (flags.json !== undefined) {
    const all = { machine: machine(bench), plan: bench.plan, reports }
    writeFileSync(flags.json, `${JSON.stringify(all, null, 2)}\n`)
  }
  return failures === 0 ? 0 : 1
}

function chosenRows(names: readonly string[] | undefined): readonly Row[] {
  if (names === undefined) return ROWS
  return ROWS.filter((row) => names.some((name) => row.name.startsWith(name)))
}

async function open(reports: readonly RowReport[]): Promise<Bench> {
  const isQuick = flags.quick === true
  const { load, dir = tmpdir() } = flags
  if (load !== undefined && load !== 'native' && load !== 'node') {
    throw new Error(`--load takes native or node, not '${load}'`)
  }
  mkdirSync(dir, { recursive: true })
  const plan: Plan = {
    rounds: positive(flags.rounds, '--rounds') ?? (isQuick ? 1 : 5),
    seconds:
      positive(flags.seconds, '--seconds') ?? (isQuick ? 3 : flags.sustained === true ? 20 : 5),
    warmup: 1,
    parent: dir,
    isQuick,
  }
  const systems = SYSTEMS.filter((system) => flags.systems.split(',').includes(system))
  const isWanted = flags['no-kafka'] !== true && systems.includes('kafka')
  const kafka = isWanted ? await KafkaHome.open() : null
  if (kafka === null) say('Kafka is left out')
  return { plan, systems, load: await openLoadClient(load), kafka, say, reports }
}

function positive(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!(value > 0)) throw new Error(`${name} takes a number above 0, not '${text}'`)
  return value
}

function machine(bench: Bench): string {
  const cores = `${String(availableParallelism())} × ${cpus()[0]?.model ?? 'unknown'}`
  const memory = `${(totalmem() / 1024 ** 3).toFixed(0)} GiB`
  const { rounds, seconds } = bench.plan
  const runs = `${String(rounds)} × ${String(seconds)} s`
  const how = `medians of ${runs}, load generator ${bench.load.kind}`
  const system = `${process.platform} ${release()}, Node ${process.versions.node}`
  return `${cores}, ${memory}, ${system}; ${how}`
}

function firstLine(error: unknown): string {
  return String(error).split('\n')[0] ?? ''
}
