// The bare server as a target: the limit of this machine and runtime. It has one journal and no
// topics; requests for any topic and partition are taken.
import { makeDirectory, removeDirectory, start } from '../process.ts'
import { ROOT, STRATALOG } from './target.ts'
import type { AckAfter, Target } from './target.ts'

/** Starts a bare server that answers after `ackAfter`. */
export async function startBare(ackAfter: AckAfter, parent: string): Promise<Target> {
  const directory = makeDirectory(parent)
  const began = performance.now()
  const { running, match } = await start(
    [
      ...[STRATALOG, 'bench', 'limits', '--serve', '127.0.0.1:0'],
      ...['--ack-after', ackAfter, '--data-dir', directory],
    ],
    { ready: /ready kafka=[^\s:]+:(\d+)/, cwd: ROOT },
  )
  return {
    system: 'bare',
    port: Number(match[1]),
    pid: running.pid,
    directory,
    readyMs: performance.now() - began,
    makeTopic: () => Promise.resolve(),
    dropTopic: () => Promise.resolve(),
    stop: running.stop,
    remove: async () => {
      await running.stop()
      removeDirectory(directory)
    },
  }
}
