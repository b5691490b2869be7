// Writes src/wire/messages from Kafka's message definitions (JSON with // comments).
//
//   node infra/codegen/generate-messages.ts DIR_OF_JSON src/wire/messages
//
// DIR_OF_JSON is a tree of Apache Kafka's, such as its source's resources/common/message folders;
// it is searched with its subdirectories. Every API that a broker's listener serves is
// taken, in all its versions but an unstable last one, and the internal records named below. What
// is taken are names, types, version ranges, tags and defaults; the output is committed.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { format, resolveConfig } from 'prettier'

interface JsonField {
  name: string
  type: string
  versions?: string
  nullableVersions?: string
  taggedVersions?: string
  tag?: number
  default?: unknown
  fields?: JsonField[]
}

interface JsonStruct {
  name: string
  fields: JsonField[]
}

interface JsonMessage extends JsonStruct {
  apiKey?: number
  type: string
  listeners?: string[]
  validVersions: string
  flexibleVersions: string
  latestVersionUnstable?: boolean
  commonStructs?: JsonStruct[]
}

interface Range {
  from: number
  to: number
}

const INTERNAL: readonly { file: string; messages: readonly string[] }[] = [
  {
    file: 'consumer-protocol',
    messages: ['ConsumerProtocolSubscription', 'ConsumerProtocolAssignment'],
  },
  { file: 'end-txn-marker', messages: ['EndTxnMarker'] },
  { file: 'group-metadata', messages: ['GroupMetadataKey', 'GroupMetadataValue'] },
  {
    file: 'offset-commit',
    messages: [
      'OffsetCommitKey',
      'OffsetCommitValue',
      'LegacyOffsetCommitKey',
      'LegacyOffsetCommitValue',
    ],
  },
  { file: 'producer-snapshot', messages: ['ProducerSnapshot'] },
  { file: 'transaction-log', messages: ['TransactionLogKey', 'TransactionLogValue'] },
]

const SCALAR_TYPES: Readonly<Record<string, string>> = {
  bool: 'boolean',
  uuid: 'string',
  string: 'string',
  bytes: 'Uint8Array',
  records: 'Uint8Array',
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1)
const kebab = (text: string): string =>
  text
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1-$2')
    .toLowerCase()

function parseRange(text: string | undefined): Range | null {
  if (text === undefined || text === 'none') return null
  const [from = '', to] = text.replace('+', '-').split('-')
  if (!text.includes('-') && !text.includes('+')) return { from: Number(from), to: Number(from) }
  return { from: Number(from), to: to === '' || to === undefined ? Infinity : Number(to) }
}

function readMessages(dir: string): Map<string, JsonMessage> {
  const found = new Map<string, JsonMessage>()
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.json')) continue
    const text = readFileSync(join(entry.parentPath, entry.name), 'utf8')
    // No string in the definitions holds "//" but in prose behind it, where it does no harm.
    const message = JSON.parse(text.replace(/(^|[\s,{}[\]])\/\/.*$/gm, '$1')) as JsonMessage
    found.set(message.name, message)
  }
  return found
}

/** The text of one message: its interfaces and its table. */
class MessageText {
  readonly message: JsonMessage
  readonly range: Range
  readonly typeNames: ReadonlyMap<string, string>
  readonly #interfaces: string[] = []
  readonly #consts: string[] = []
  readonly #written = new Set<string>()
  readonly #tables = new Map<string, string>()

  constructor(message: JsonMessage, range: Range, typeNames: ReadonlyMap<string, string>) {
    this.message = message
    this.range = range
    this.typeNames = typeNames
  }

  text(): string {
    const { message, range } = this
    const roots = [{ name: message.name, fields: message.fields }, ...(message.commonStructs ?? [])]
    const structs = new Map((message.commonStructs ?? []).map((struct) => [struct.name, struct]))
    for (const field of allFields(roots.flatMap((root) => root.fields))) {
      const name = baseType(field.type)
      if (field.fields !== undefined) structs.set(name, { name, fields: field.fields })
    }
    for (const name of structs.keys()) {
      this.#tables.set(name, `${lowerFirst(this.#typeName(name))}Fields`)
    }
    const done = new Set<string>()
    const declare = (fields: readonly JsonField[]): void => {
      for (const field of fields) {
        const struct = structs.get(baseType(field.type))
        if (struct === undefined || done.has(struct.name) || !this.#isUsed(field)) continue
        done.add(struct.name)
        // A table that another one uses goes before it.
        declare(struct.fields)
        this.#consts.push(
          `const ${this.#tables.get(struct.name)}: readonly Field[] =
` + this.#fields(struct.fields),
        )
      }
    }
    declare(message.fields)
    const fields = this.#fields(message.fields)
    this.#interface(message.name, message.fields, true)
    for (const name of done) {
      this.#interface(this.#typeName(name), structs.get(name)?.fields ?? [], false)
    }
    const flexible = parseRange(message.flexibleVersions)
    const from = flexible === null || flexible.from > range.to ? null : flexible.from
    const versions =
      range.from === range.to ? `version ${range.from}` : `versions ${range.from} to ${range.to}`
    const tables = this.#consts.map((table) => `${table}\n`).join('')
    return `${this.#interfaces.join('\n')}\n${tables}
/** ${message.name}, ${versions}${from === null ? '' : `, flexible from ${from}`}. */
export const ${lowerFirst(message.name)}: Schema<${message.name}> = {
  name: '${message.name}',
  key: ${message.apiKey ?? null},
  min: ${range.from},
  max: ${range.to},
  flexibleFrom: ${from},
  fields: ${fields},
}
`
  }

  #typeName(struct: string): string {
    return this.typeNames.get(struct) ?? struct
  }

  #isUsed(field: JsonField): boolean {
    const range = parseRange(field.versions ?? field.taggedVersions)
    return range !== null && range.from <= this.range.to && range.to >= this.range.from
  }

  #interface(name: string, fields: readonly JsonField[], isMessage: boolean): void {
    if (this.#written.has(name)) return
    this.#written.add(name)
    const lines = fields
      .filter((field) => this.#isUsed(field))
      .map((field) => `readonly ${lowerFirst(field.name)}: ${this.#type(field)}`)
    const doc = isMessage ? `A decoded ${name}.` : `Part of ${this.message.name}.`
    this.#interfaces.push(`/** ${doc} */\nexport interface ${name} {\n${lines.join('\n')}\n}\n`)
  }

  #type(field: JsonField): string {
    const base = baseType(field.type)
    const scalar = isStruct(base) ? this.#typeName(base) : (SCALAR_TYPES[base] ?? 'number')
    const type = field.type.startsWith('[]') ? `readonly ${scalar}[]` : scalar
    const nullable = field.nullableVersions !== undefined || field.default === null
    return nullable ? `${type} | null` : type
  }

  #fields(fields: readonly JsonField[]): string {
    const lines = fields.filter((field) => this.#isUsed(field)).map((field) => this.#field(field))
    return `[${lines.join(',\n')}]`
  }

  #field(field: JsonField): string {
    const base = baseType(field.type)
    const list = field.type.startsWith('[]') ? '[]' : ''
    const options: string[] = []
    const present = parseRange(field.versions ?? field.taggedVersions)
    if (present && present.from > this.range.from) options.push(`from: ${present.from}`)
    if (present && present.to < this.range.to) options.push(`to: ${present.to}`)
    const nullable = parseRange(field.nullableVersions)
    if (nullable) {
      options.push(`nullFrom: ${nullable.from}`)
      if (nullable.to < this.range.to) options.push(`nullTo: ${nullable.to}`)
    }
    if (field.tag !== undefined) options.push(`tag: ${field.tag}`)
    const value = defaultText(field)
    if (value !== null) options.push(`default: ${value}`)
    if (isStruct(base)) {
      options.push(`fields: ${this.#tables.get(base)}`)
    }
    let kind = isStruct(base) ? 'struct' : base
    if (value === 'NO_LIMIT') kind = 'int64max'
    const tail = options.length === 0 ? '' : `, { ${options.join(', ')} }`
    return `['${lowerFirst(field.name)}', '${list}${kind}'${tail}]`
  }
}

const baseType = (type: string): string => type.replace('[]', '')
const isStruct = (base: string): boolean => /^[A-Z]/.test(base)

function* allFields(fields: readonly JsonField[]): Generator<JsonField> {
  for (const field of fields) {
    yield field
    yield* allFields(field.fields ?? [])
  }
}

/** The default as source text; null where it is the kind's own. */
function defaultText(field: JsonField): string | null {
  if (field.default === undefined) return null
  if (field.default === null || field.default === 'null') return 'null'
  const text = typeof field.default === 'string' ? field.default : JSON.stringify(field.default)
  if (field.type === 'string') return text === '' ? null : JSON.stringify(text)
  if (field.type === 'bool') return text === 'true' ? 'true' : null
  if (text === '9223372036854775807') return 'NO_LIMIT'
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new Error(`A default is not a number: ${field.name}`)
  return value === 0 ? null : String(value)
}

/** Names of interfaces: a struct's own where it is the only one in the file, else prefixed. */
function typeNames(messages: readonly JsonMessage[]): Map<string, string>[] {
  const structs = messages.map((message) => {
    const names = new Set((message.commonStructs ?? []).map((struct) => struct.name))
    const roots = [...message.fields, ...(message.commonStructs ?? []).flatMap((s) => s.fields)]
    for (const field of allFields(roots)) {
      if (isStruct(baseType(field.type))) names.add(baseType(field.type))
    }
    return names
  })
  return messages.map((message, i) => {
    const names = new Map<string, string>()
    for (const name of structs[i] ?? []) {
      const shared =
        messages.some((other) => other.name === name) ||
        structs.some((other, j) => j !== i && other.has(name))
      names.set(name, shared ? message.name + name : name)
    }
    return names
  })
}

function fileText(
  what: string,
  schemaPath: string,
  parts: readonly { message: JsonMessage; range: Range }[],
): string {
  const names = typeNames(parts.map((part) => part.message))
  const body = parts
    .map(({ message, range }, i) => new MessageText(message, range, names[i] ?? new Map()).text())
    .join('\n')
  const types = body.includes('readonly Field[]') ? 'Field, Schema' : 'Schema'
  const values = body.includes('NO_LIMIT') ? `import { NO_LIMIT } from '${schemaPath}'\n` : ''
  return `// ${what}: its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { ${types} } from '${schemaPath}'
${values}
${body}`
}

async function write(path: string, text: string): Promise<void> {
  const config = await resolveConfig(path)
  writeFileSync(path, await format(text, { ...config, parser: 'typescript' }))
}

function stableRange(message: JsonMessage): Range | null {
  const range = parseRange(message.validVersions)
  if (range === null) return null
  return message.latestVersionUnstable === true ? { from: range.from, to: range.to - 1 } : range
}

interface ApiFile {
  key: number
  api: string
  file: string
}

async function writeApis(all: ReadonlyMap<string, JsonMessage>, out: string): Promise<ApiFile[]> {
  const files: ApiFile[] = []
  for (const request of all.values()) {
    if (request.type !== 'request' || !request.listeners?.includes('broker')) continue
    const range = stableRange(request)
    const api = request.name.replace(/Request$/, '')
    const response = all.get(`${api}Response`)
    if (range === null || request.apiKey === undefined || response === undefined) continue
    const key = request.apiKey
    const file = `${String(key).padStart(2, '0')}-${kebab(api)}`
    const parts = [
      { message: request, range },
      { message: response, range },
    ]
    await write(
      join(out, `${file}.ts`),
      fileText(`The ${api} API (key ${key})`, '../schema.ts', parts),
    )
    files.push({ key, api, file })
  }
  return files.sort((a, b) => a.key - b.key)
}

async function writeIndex(files: readonly ApiFile[], out: string): Promise<void> {
  const imports = files.map(
    ({ api, file }) =>
      `import { ${lowerFirst(api)}Request, ${lowerFirst(api)}Response } from './${file}.ts'`,
  )
  const rows = files.map(
    ({ api }) => `['${api}', ${lowerFirst(api)}Request, ${lowerFirst(api)}Response],`,
  )
  await write(
    join(out, 'all.ts'),
    `// Every API of a broker's listener, in the order of their keys, for the registry.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost.
import type { Schema } from '../schema.ts'
${imports.join('\n')}

/** Name, request and response of each API. */
export const allMessages: readonly (readonly [string, Schema<unknown>, Schema<unknown>])[] = [
${rows.join('\n')}
]
`,
  )
}

async function main(dir: string, out: string): Promise<void> {
  const all = readMessages(dir)
  rmSync(out, { recursive: true, force: true })
  mkdirSync(join(out, 'internal'), { recursive: true })
  const files = await writeApis(all, out)
  await writeIndex(files, out)
  for (const { file, messages } of INTERNAL) {
    const parts = messages.map((name) => {
      const message = all.get(name)
      const range = message && stableRange(message)
      if (message === undefined || !range) throw new Error(`There is no definition of ${name}`)
      return { message, range }
    })
    const text = fileText(`Kafka's internal ${file} records`, '../../schema.ts', parts)
    await write(join(out, 'internal', `${file}.ts`), text)
  }
  process.stdout.write(`${files.length} APIs, ${INTERNAL.length} internal files\n`)
}

const [dir, out] = process.argv.slice(2)
if (dir === undefined || out === undefined) {
  process.stderr.write('Give the directory of definitions and the one to write to.\n')
  process.exit(2)
}
await main(dir, out)
