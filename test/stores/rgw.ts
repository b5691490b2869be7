// Ceph's RADOS gateway with a cluster of its own: one monitor, one OSD that keeps everything in
// memory, the gateway. Debian has all three; test/lanes/stores installs them. The gateway wants
// cephx, and the OSD the fsid by which the monitor knows it.
import { execFile } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort, scratch, startChild, type Child, type StoreServer } from './child.ts'

const call = promisify(execFile)

const CAPABILITIES = [
  '--cap',
  'mon',
  'allow *',
  '--cap',
  'osd',
  'allow *',
  '--cap',
  'mgr',
  'allow *',
]

/** Starts a cluster with one bucket; takes some 20 s. */
export async function startRgw(): Promise<StoreServer> {
  const directory = scratch('rgw')
  const [monPort, port] = [await freePort(), await freePort()]
  const children: Child[] = []
  const stop = async (): Promise<void> => {
    for (const child of children.toReversed()) await child.stop()
    fs.rmSync(directory, { recursive: true, force: true })
  }
  try {
    return { ...(await startCluster(directory, { monPort, port }, children)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startCluster(
  directory: string,
  { monPort, port }: { readonly monPort: number; readonly port: number },
  children: Child[],
): Promise<Omit<StoreServer, 'stop'>> {
  const [fsid, osdId] = [crypto.randomUUID(), crypto.randomUUID()]
  const at = (name: string): string => join(directory, name)
  const config = at('ceph.conf')
  fs.writeFileSync(config, configuration(directory, { fsid, monPort, port }))
  const conf = ['-c', config]
  const run = async (program: string, ...parameters: string[]): Promise<string> => {
    const { stdout } = await call(program, parameters, { timeout: 60_000 })
    return stdout
  }
  const ceph = (...parameters: string[]): Promise<string> =>
    run('ceph', ...conf, '--connect-timeout', '20', ...parameters)

  const keyring = ['--gen-key', '-n']
  await run(
    'ceph-authtool',
    '--create-keyring',
    at('mon.keyring'),
    ...keyring,
    'mon.',
    '--cap',
    'mon',
    'allow *',
  )
  await run(
    'ceph-authtool',
    '--create-keyring',
    at('keyring'),
    ...keyring,
    'client.admin',
    ...CAPABILITIES,
  )
  await run('ceph-authtool', at('mon.keyring'), '--import-keyring', at('keyring'))
  const address = `[v1:127.0.0.1:${String(monPort)}]`
  await run('monmaptool', '--create', '--addv', 'a', address, '--fsid', fsid, at('monmap'))
  const mon = ['-i', 'a', '--monmap', at('monmap'), '--keyring', at('mon.keyring')]
  await run('ceph-mon', ...conf, '--mkfs', ...mon)
  children.push(await startChild(['ceph-mon', ...conf, '-i', 'a', '-f'], { port: monPort }))

  await ceph('osd', 'new', osdId)
  fs.mkdirSync(at('osd'))
  const key = await ceph('auth', 'get-or-create', 'osd.0', 'mon', 'allow *', 'osd', 'allow *')
  fs.writeFileSync(at('osd/keyring'), key)
  const osd = ['ceph-osd', ...conf, '-i', '0'] as [string, ...string[]]
  await run(...osd, '--mkfs', '--osd-uuid', osdId)
  children.push(await startChild([...osd, '-f'], { port: monPort }))

  const gateway = await ceph(
    'auth',
    'get-or-create',
    'client.rgw',
    'mon',
    'allow *',
    'osd',
    'allow *',
  )
  fs.writeFileSync(at('rgw.keyring'), gateway)
  const rgw = ['radosgw', ...conf, '-n', 'client.rgw', '-k', at('rgw.keyring'), '-f']
  children.push(await startChild(rgw as [string, ...string[]], { port }))

  const user = ['user', 'create', '--uid', 'tests', '--display-name', 'tests']
  const [access, secret] = ['access-for-tests', 'secret-for-tests']
  const keys = ['--access-key', access, '--secret-key', secret]
  await run('radosgw-admin', ...conf, ...user, ...keys)
  const environment = { AWS_ACCESS_KEY_ID: access, AWS_SECRET_ACCESS_KEY: secret }
  const endpoint = `http://127.0.0.1:${String(port)}`
  const { createBucket } = await import('./s3-bucket.ts')
  await createBucket({ endpoint, access, secret, bucket: 'bucket' })
  return {
    url: `s3://bucket?endpoint=${endpoint}&region=default&pathStyle=true`,
    environment,
    wrongEnvironment: { ...environment, AWS_SECRET_ACCESS_KEY: 'another' },
  }
}

const configuration = (
  directory: string,
  { fsid, monPort, port }: { fsid: string; monPort: number; port: number },
): string => `[global]
fsid = ${fsid}
mon initial members = a
mon host = v1:127.0.0.1:${String(monPort)}
run dir = ${directory}
admin socket = ${directory}/$name.asok
log file = ${directory}/$name.log
mon cluster log file = ${directory}/cluster.log
pid file = ${directory}/$name.pid
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon max pg per osd = 1000
auth allow insecure global id reclaim = false
mon warn on pool no redundancy = false
[client.admin]
keyring = ${directory}/keyring
[mon]
mon data = ${directory}/mon
[osd]
osd data = ${directory}/osd
osd objectstore = memstore
memstore device bytes = 8589934592
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:${String(port)}
rgw thread pool size = 64
`
