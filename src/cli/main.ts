// The entry point that bin/stratalog starts: wires the command line to this process and to the
// rest of the program. The broker is loaded only when a command needs it, so that `topic list`
// does not pay for it.
import * as module from 'node:module'
import { processIo } from './io.ts'
import type { Services } from './services.ts'

// Keeps compiled code between runs; absent in Deno and Bun, which have caches of their own.
;(module as { enableCompileCache?: () => unknown }).enableCompileCache?.()

const services: Services = {}

const { run } = await import('./program.ts')
process.exitCode = await run(process.argv.slice(2), processIo(), services)
