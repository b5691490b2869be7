// The fuzzer from the command line:
//   node test/fuzz/run.ts --seconds N | --executions N [--target NAME] [--seed S]
//   node test/fuzz/run.ts --target NAME --replay FILE
// Executions and seconds are for all chosen targets together. Prints one JSON line per target and
// exits 1 when something was found; each finding is left in a file, beside the command that repeats
// it.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fuzz } from './engine.ts'
import { keptInputs, loadTargets } from './targets.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    executions: { type: 'string' },
    target: { type: 'string' },
    seed: { type: 'string', default: '1' },
    replay: { type: 'string' },
  },
})

const all = await loadTargets()
const chosen = all.filter(({ name }) => values.target === undefined || name === values.target)
if (chosen.length === 0) {
  console.error(`No target ${values.target ?? ''}; there are ${all.map((t) => t.name).join(', ')}`)
  process.exit(2)
}

if (values.replay !== undefined) {
  const bytes = Uint8Array.from(readFileSync(values.replay))
  for (const target of chosen) await target.run(bytes)
  console.info('The input passes')
  process.exit(0)
}

const seed = Number(values.seed)
const share = (text: string | undefined): number =>
  text === undefined ? Infinity : Number(text) / chosen.length
const executions = share(values.executions)
const seconds = values.seconds === undefined && executions === Infinity ? 1 : share(values.seconds)
let found = 0
for (const target of chosen) {
  const began = performance.now()
  const report = await fuzz(
    target,
    { seed, executions: Math.ceil(executions), seconds },
    keptInputs(target.name),
  )
  const { findings, ...counts } = report
  const took = (performance.now() - began) / 1000
  console.info(JSON.stringify({ ...counts, seed, seconds: took, findings: findings.length }))
  for (const finding of findings) {
    found++
    const file = join(mkdtempSync(join(tmpdir(), 'stratalog-fuzz-')), 'input')
    writeFileSync(file, finding.input)
    console.info(`${finding.kind} in ${target.name}: ${finding.message}`)
    console.info(`replay: node test/fuzz/run.ts --target ${target.name} --replay ${file}`)
  }
}
process.exit(found > 0 ? 1 : 0)
