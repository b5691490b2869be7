// versitygw, an S3 server in Go over a directory. It checks signatures, payload hashes and
// conditions, multipart ones too. Found on the PATH; test/lanes/stores builds it.
import * as fs from 'node:fs'
import { join } from 'node:path'
import { freePort, scratch, startChild, type StoreServer } from './child.ts'

/** Starts versitygw with one bucket. */
export async function startVersityGw(): Promise<StoreServer> {
  const directory = scratch('versitygw')
  const port = await freePort()
  fs.mkdirSync(join(directory, 'bucket'))
  const endpoint = `http://127.0.0.1:${String(port)}`
  const environment = {
    AWS_ACCESS_KEY_ID: 'access-for-tests',
    AWS_SECRET_ACCESS_KEY: 'secret-for-tests',
  }
  const child = await startChild(
    [
      'versitygw',
      '--quiet',
      '--port',
      `127.0.0.1:${String(port)}`,
      '--keep-alive',
      'posix',
      directory,
    ],
    {
      port,
      environment: {
        ROOT_ACCESS_KEY: environment.AWS_ACCESS_KEY_ID,
        ROOT_SECRET_KEY: environment.AWS_SECRET_ACCESS_KEY,
      },
    },
  )
  return {
    url: `s3://bucket?endpoint=${endpoint}&region=us-east-1&pathStyle=true`,
    environment,
    wrongEnvironment: { ...environment, AWS_SECRET_ACCESS_KEY: 'another' },
    stop: async () => {
      await child.stop()
      fs.rmSync(directory, { recursive: true, force: true })
    },
  }
}
