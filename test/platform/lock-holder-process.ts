// Starts lock-holder.ts in a process of its own, on any of the runtimes.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'

const bin = join(import.meta.dirname, '../../node_modules/.bin')

/** A process that tries to lock the disk at `root`, and its first line. */
export const startHolder = (
  root: string,
  runtime: 'node' | 'deno' | 'bun' = 'node',
): { readonly child: ChildProcess; readonly line: Promise<string> } => {
  const flags = { node: ['--expose-gc'], deno: ['run', '-A'], bun: [] }[runtime]
  const script = join(import.meta.dirname, 'lock-holder.ts')
  const child = spawn(join(bin, runtime), [...flags, script, root])
  const line = new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (text: Uint8Array) => resolve(new TextDecoder().decode(text).trim()))
    child.once('error', reject)
    child.once('exit', (code) => resolve(`exit ${code}`))
  })
  return { child, line }
}
