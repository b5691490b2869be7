// The entry point that bin/stratalog starts: gives the command line this process's streams, its
// words and the services of this build, and ends with its exit code.
import * as module from 'node:module'

// Keeps compiled code between runs; absent in Deno and Bun, which have caches of their own. It
// must come before the rest is loaded, hence the imports below it.
;(module as { enableCompileCache?: () => unknown }).enableCompileCache?.()

const { processIo } = await import('./io.ts')
const { run } = await import('./program.ts')
const { services } = await import('./wiring.ts')

process.exitCode = await run(process.argv.slice(2), processIo(), services)
