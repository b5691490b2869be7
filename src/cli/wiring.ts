// What the commands use of the rest of the program, loaded when a command asks for it. The only
// file of the command line that knows which platform it runs on and where settings come from.
import { access as accessFile, readFile } from 'node:fs/promises'
import { OperatingError, UsageError } from '../base/errors.ts'
import type { Services } from './services.ts'

/** Everything that this build can do. */
export const services: Services = {
  startBroker: async (options) => {
    const { startBroker } = await import('../main.ts')
    const { settings, cores, peers, internal, ...rest } = options
    if ((cores ?? 1) > 1 || (peers ?? []).length > 0 || internal !== undefined) {
      throw new UsageError('This version runs one broker: leave out --cores, --peer and --internal')
    }
    const configFile = rest.configFile ?? process.env['STRATALOG_CONFIG']
    return startBroker({
      ...rest,
      settings,
      environment: process.env,
      logLevel: 'info',
      ...(configFile === undefined ? {} : { configFile }),
    })
  },

  tier: async () => {
    const { openObjectStore } = await import('../../adapters/object-store/open.ts')
    const { createClock } = await import('../platform/clock.ts')
    const { createCrypto } = await import('../platform/crypto.ts')
    const { restoreInto } = await import('../main.ts')
    return {
      crypto: createCrypto(),
      clock: createClock(),
      openStore: async (url) => {
        // A broker makes its directory; who looks at one that is not there has mistyped it.
        if (url.startsWith('file:')) await access(new URL(url))
        return openObjectStore(url, process.env)
      },
      restore: restoreInto,
    }
  },

  recordTools: async () => {
    const { createCompression } = await import('../platform/compression.ts')
    const { createCrypto } = await import('../platform/crypto.ts')
    return { compression: createCompression(), crypto: createCrypto() }
  },

  decoders: async () => {
    const { createCrypto } = await import('../platform/crypto.ts')
    const { fileDecoders } = await import('./dump/decoders.ts')
    return fileDecoders(createCrypto())
  },

  explainConfig: async ({ configFile, settings }) => {
    const { explainSettings } = await import('../config/explain.ts')
    const { loadSettings } = await import('../config/load.ts')
    const path = configFile ?? process.env['STRATALOG_CONFIG']
    const loaded = loadSettings({
      environment: process.env,
      flags: Object.entries(settings).map(([name, value]) => `${name}=${value}`),
      ...(path === undefined ? {} : { file: await readSettings(path) }),
    })
    return explainSettings(loaded)
  },
}

async function readSettings(
  path: string,
): Promise<{ readonly path: string; readonly content: unknown }> {
  const { parseSettings } = await import('../config/settings-file.ts')
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'error'
    throw new OperatingError('absent', `Cannot read settings from ${path}: ${code}`, cause)
  }
  return { path, content: parseSettings({ path, text }) }
}

async function access(url: URL): Promise<void> {
  try {
    await accessFile(url)
  } catch (cause) {
    throw new OperatingError('absent', `Cannot open ${url.href}: there is no such directory`, cause)
  }
}
