// An S3 server of its own process for the rows that measure the tier: `--delay MS` holds every
// answer back, as a store does that is far away. Prints one line when it serves, ends by SIGTERM.
import { parseArgs } from 'node:util'
import { startFakeS3 } from '../../fakes/s3-server.ts'
import { KEYS } from './store.ts'

const { values } = parseArgs({ options: { delay: { type: 'string', default: '0' } } })
const { endpoint, stop } = await startFakeS3({ ...KEYS, delayMs: Number(values.delay) })
process.stdout.write(`ready endpoint=${endpoint}\n`)
process.once('SIGTERM', () => void stop().then(() => process.exit(0)))
