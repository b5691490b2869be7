// Runs a load generator: the native one, compiled on first use into a directory of the run, or the
// one in TypeScript where there is no compiler.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exists, makeProgramDirectory, run, sleep } from '../process.ts'
import { loadWords } from './options.ts'
import type { LoadMode, LoadOptions, LoadResult } from './options.ts'

/** A generator that is ready to run. */
export interface LoadClient {
  readonly kind: 'native' | 'node'
  run(mode: LoadMode, options: Partial<LoadOptions>): Promise<LoadResult>
}

/** Refusals of a broker that has made a topic and does not lead all of it yet. */
const NOT_YET = /error code (3|5|6)\b/
const TRIES = 40
const RETRY_MS = 250

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** The native generator where `wanted` is not 'node' and a C compiler is there. */
export async function openLoadClient(wanted?: 'native' | 'node'): Promise<LoadClient> {
  if (wanted !== 'node') {
    const compiled = await compile()
    if (compiled !== null) return clientOf('native', [compiled])
    if (wanted === 'native') throw new Error('--load native wants a C compiler called cc')
  }
  const quiet = '--disable-warning=ExperimentalWarning'
  return clientOf('node', [process.execPath, quiet, here('generator.ts')])
}

async function compile(): Promise<string | null> {
  if (!(await exists('cc', '--version'))) return null
  const program = join(makeProgramDirectory(), 'load')
  try {
    await run(['cc', '-O2', '-o', program, here('load.c')])
    return program
  } catch (error) {
    // Another system's C library: epoll is Linux's.
    console.error(`The native generator does not compile here: ${String(error).split('\n')[0]}`)
    return null
  }
}

function clientOf(kind: LoadClient['kind'], words: readonly string[]): LoadClient {
  return {
    kind,
    run: async (mode, options) => {
      for (let tries = 1; ; tries++) {
        try {
          return JSON.parse(await run([...words, mode, ...loadWords(options)])) as LoadResult
        } catch (error) {
          if (tries === TRIES || !NOT_YET.test(String(error))) throw error
          await sleep(RETRY_MS)
        }
      }
    },
  }
}
