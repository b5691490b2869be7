// Takes the lock of the disk whose root is the first argument, says how that went, and holds it
// until killed (or for as long as any test lasts).
import { openDisk } from '../../src/platform/disk.ts'

const disk = await openDisk(process.argv[2] ?? '')
const said = await disk.lock('LOCK').then(
  () => 'locked',
  (error: unknown) => String(error),
)
// Whatever a runtime collects when memory is short must not give the lock away.
for (let i = 0; i < 50; i++) new Uint8Array(1_000_000).fill(i)
const runtime = globalThis as { gc?: () => void; Bun?: { gc(force: boolean): void } }
runtime.gc?.()
runtime.Bun?.gc(true)
console.log(said)
if (said === 'locked') setTimeout(() => {}, 15_000)
