// All fuzz targets by name, and the inputs kept from earlier runs.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import type { FuzzTarget } from './engine.ts'

const here = new URL('.', import.meta.url)

/** Loads every module in targets/, sorted by name. */
export async function loadTargets(): Promise<FuzzTarget[]> {
  const folder = new URL('targets/', here)
  const names = readdirSync(folder).filter((name) => name.endsWith('.ts'))
  const loaded = names.sort().map((name) => import(new URL(name, folder).href))
  return (await Promise.all(loaded)) as FuzzTarget[]
}

/** Inputs in corpus/<target>/: faults that were found and mended, and what leads deep. */
export function keptInputs(target: string): Uint8Array[] {
  const folder = new URL(`corpus/${target}/`, here)
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).sort()
  return names.map((name) => Uint8Array.from(readFileSync(new URL(name, folder))))
}
