// The stores that are made for Workers, inside of workerd: the sources as they are, with types
// stripped, become the modules of a Worker. Its modules are found by following imports, so one that
// asks for Node's own or for a package that is not meant for Workers is found here.
import * as fs from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { Miniflare } from 'miniflare'

const root = join(import.meta.dirname, '../..')
const MAIN = 'test/stores/worker.ts'
const PACKAGES: Readonly<Record<string, string>> = {
  aws4fetch: 'node_modules/aws4fetch/dist/aws4fetch.esm.mjs',
}

interface Module {
  readonly type: 'ESModule'
  readonly path: string
  readonly contents: string
}

/** The Worker's modules, its main one first. Throws for an import that no Worker can have. */
export function workerModules(): Module[] {
  const modules = new Map<string, Module>()
  const add = (path: string, file: string): void => {
    if (modules.has(path)) return
    const text = fs.readFileSync(join(root, file), 'utf8')
    const contents = file.endsWith('.ts') ? stripTypeScriptTypes(text) : text
    modules.set(path, { type: 'ESModule', path, contents })
    for (const [, specifier = ''] of contents.matchAll(/\bfrom '([^'\n]+)'$/gm)) {
      if (specifier.startsWith('.')) {
        const target = relative('.', join(dirname(path), specifier))
        add(target, target)
        continue
      }
      const known = PACKAGES[specifier]
      if (known === undefined) throw new Error(`${file} imports ${specifier}: not for Workers`)
      // workerd looks for a bare name beside who asks for it.
      add(join(dirname(path), specifier), known)
    }
  }
  add(MAIN, MAIN)
  return [...modules.values()]
}

/** What a Worker is asked to do; see worker.ts. */
export type WorkerRequest =
  { readonly kind: 's3' | 'azure' | 'gcs'; readonly options: object } | { readonly kind: 'r2' }

/** Runs worker.ts in workerd; resolves with what it says of each step. */
export async function runInWorkerd(request: WorkerRequest): Promise<readonly string[]> {
  const miniflare = new Miniflare({
    modules: workerModules(),
    modulesRoot: '.',
    r2Buckets: ['BUCKET'],
    compatibilityDate: '2026-06-01',
  })
  try {
    const body = JSON.stringify(request)
    const answer = await miniflare.dispatchFetch('http://worker/', { method: 'POST', body })
    const text = await answer.text()
    if (answer.status !== 200) throw new Error(text)
    return JSON.parse(text) as string[]
  } finally {
    await miniflare.dispose()
  }
}
