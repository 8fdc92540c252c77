// Three nodes on PostgreSQL, Redis and an S3-compatible server of their own, and a proxy in front that leads each connection to the next
// node: `make cluster`. Arguments: the program, the S3 server and a folder for the data.
import { spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const [program, s3Server, folder] = process.argv.slice(2)
const FRONT = 3000
const NODES = [3011, 3012, 3013]
const PORTS = { postgres: 3021, redis: 3022, s3: 3023 }
const PATIENCE_MS = 30_000
const children = []
let ending = false

const start = (name, command, args, options = {}) => {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'], ...options })
  child.on('exit', code => {
    if (ending) return
    console.error(`${name} ended with ${code}`)
    end(1)
  })
  children.push(child)
}

const end = async code => {
  if (ending) return
  ending = true
  // The nodes first: while they drain they need the other services.
  for (const child of children.toReversed()) {
    if (child.exitCode === null) {
      const gone = new Promise(resolve => child.once('exit', resolve))
      child.kill(child.spawnfile.endsWith('postgres') ? 'SIGINT' : 'SIGTERM')
      await gone
    }
  }
  process.exit(code)
}

const until = async (what, holds) => {
  for (const from = Date.now(); Date.now() - from < PATIENCE_MS; await sleep(50)) {
    if (ending || await holds().catch(() => false)) return
  }
  console.error(`${what} is not ready`)
  await end(1)
}

const listens = port => new Promise(resolve => {
  const socket = connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true) })
  socket.on('error', () => resolve(false))
})

// PostgreSQL refuses to run as root.
const asRoot = process.getuid() === 0
const unprivileged = asRoot ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups'] : ['env']
const find = name => ['/usr/local/bin', ...glob('/usr/lib/postgresql')].map(bin => join(bin, name)).find(existsSync) ?? name
const glob = root => existsSync(root) ? readdirSync(root).map(version => join(root, version, 'bin')) : []

const startPostgres = () => {
  // That user may not enter folders of root.
  const data = join(asRoot ? join(tmpdir(), 'codesync-cluster') : folder, 'postgres')
  mkdirSync(dirname(data), { recursive: true })
  if (!existsSync(data)) mkdirSync(data, { mode: 0o700 })
  if (asRoot) {
    const id = flag => Number(spawnSync('id', [flag, 'postgres']).stdout.toString())
    chownSync(data, id('-u'), id('-g'))
  }
  const [command, ...args] = unprivileged
  if (!existsSync(join(data, 'PG_VERSION'))) {
    const made = spawnSync(command, [...args, find('initdb'), '-D', data, '-U', 'codesync', '-A', 'trust'])
    if (made.status !== 0) throw new Error(made.stderr.toString())
  }
  start('PostgreSQL', command, [...args, find('postgres'), '-D', data, '-p', PORTS.postgres,
    '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='])
}

const startRedis = () => {
  const data = join(folder, 'redis')
  mkdirSync(data, { recursive: true })
  start('Redis', 'redis-server', ['--port', PORTS.redis, '--bind', '127.0.0.1', '--dir', data, '--appendonly', 'yes'])
}

const settings = {
  DATABASE_URL: `postgres://codesync@127.0.0.1:${PORTS.postgres}/postgres?sslmode=disable`,
  REDIS_URL: `redis://127.0.0.1:${PORTS.redis}`,
  S3_BUCKET: 'documents',
  AWS_ENDPOINT_URL: `http://127.0.0.1:${PORTS.s3}`,
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'only-for-this-machine',
  JWT_SECRET: 'only for this machine, and long enough for it',
  CODESYNC_PUBLIC_URL: `http://127.0.0.1:${FRONT}`,
  CODESYNC_TRUSTED_PROXIES: '0'
}

const startNode = port => {
  const env = { ...process.env, ...settings, CODESYNC_LISTEN: `127.0.0.1:${port}`, CODESYNC_DATA_DIR: join(folder, `node-${port}`) }
  start(`The node at ${port}`, program, ['serve'], { env })
}

const startProxy = () => {
  let turn = 0
  const carry = (client, tries) => {
    const node = connect(NODES[turn++ % NODES.length], '127.0.0.1', () => { client.pipe(node).pipe(client) })
    client.on('error', () => node.destroy())
    node.on('error', () => tries > 1 && node.connecting ? carry(client, tries - 1) : client.destroy())
  }
  createServer(client => carry(client, NODES.length)).listen(FRONT, '127.0.0.1')
}

process.on('SIGINT', () => end(0))
process.on('SIGTERM', () => end(0))
startPostgres()
startRedis()
start('S3', s3Server, ['-H', '127.0.0.1', '-p', PORTS.s3], { stdio: 'ignore' })
await Promise.all(Object.entries(PORTS).map(([name, port]) => until(name, () => listens(port))))
await until('the bucket', async () => (await fetch(`${settings.AWS_ENDPOINT_URL}/documents`, { method: 'PUT' })).ok)
NODES.forEach(startNode)
await Promise.all(NODES.map(port => until(`the node at ${port}`, async () => (await fetch(`http://127.0.0.1:${port}/api/health`)).ok)))
startProxy()
console.log(`Three nodes serve http://127.0.0.1:${FRONT}; their own addresses are ${NODES.map(port => `http://127.0.0.1:${port}`).join(', ')}. Ctrl-C stops all.`)
