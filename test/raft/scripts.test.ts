// Golden conversations. STRATALOG_REWRITE=1 writes down what happens now; read the
// difference before it is committed.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { replay } from './interaction.ts'

const folder = fileURLToPath(new URL('../scripts/raft/', import.meta.url))

test.each(readdirSync(folder))('The quorum talks as written in %s', (name) => {
  const script = readFileSync(`${folder}${name}`, 'utf8')
  const happened = replay(script)
  if (process.env['STRATALOG_REWRITE'] !== undefined) writeFileSync(`${folder}${name}`, happened)
  else expect(happened).toBe(script)
})
