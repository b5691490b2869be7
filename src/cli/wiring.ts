// What the commands use of the rest of the program, loaded when a command asks for it. The only
// file of the command line that knows which platform it runs on and where settings come from.
import { readFile } from 'node:fs/promises'
import { OperatingError, UsageError } from '../base/errors.ts'
import type { Services, StartOptions } from './services.ts'

/** Everything that this build can do. */
export const services: Services = {
  startBroker: async (options) => {
    refuseUnserved(options)
    const { startBroker } = await import('../main.ts')
    const configFile = options.configFile ?? process.env['STRATALOG_CONFIG']
    return startBroker({
      ...options,
      environment: process.env,
      ...(configFile === undefined ? {} : { configFile }),
    })
  },

  recordTools: async () => {
    const { createCompression } = await import('../platform/compression.ts')
    const { createCrypto } = await import('../platform/crypto.ts')
    return { compression: createCompression(), crypto: createCrypto() }
  },

  explainConfig: async ({ configFile, settings }) => {
    const { explainSettings } = await import('../config/explain.ts')
    const { loadSettings } = await import('../config/load.ts')
    const path = configFile ?? process.env['STRATALOG_CONFIG']
    const loaded = loadSettings({
      environment: process.env,
      flags: Object.entries(settings).map(([name, value]) => `${name}=${value}`),
      ...(path === undefined ? {} : { file: { path, text: await readSettings(path) } }),
    })
    return explainSettings(loaded)
  },
}

/** Flags that have their place but no effect yet are refused rather than passed over in silence. */
function refuseUnserved(options: StartOptions): void {
  const unserved = [
    ['--peer', options.peers !== undefined],
    ['--internal', options.internal !== undefined],
    ['--store', options.store !== undefined],
    ['--cores', (options.cores ?? 1) > 1],
  ] as const
  for (const [flag, given] of unserved) {
    if (given) throw new UsageError(`${flag} is not served by this version; start without it`)
  }
}

async function readSettings(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'error'
    throw new OperatingError('absent', `Cannot read settings from ${path}: ${code}`, cause)
  }
}
