#!/usr/bin/env node
// Becomes dist/server.js. Runs the bundle with the code that V8 made of it at the build (scripts/compile-ahead.mjs), as
// most of a start is compiling. Code of another text is not used, and V8 itself refuses what another version of it made.
'use strict'

const { createHash } = require('node:crypto')
const { readFileSync } = require('node:fs')
const { wrap } = require('node:module')
const { join } = require('node:path')
const { Script } = require('node:vm')

const filename = join(__dirname, 'handstamp.js')

/** undefined: compile it now */
function codeOf (source) {
  try {
    const kept = readFileSync(`${filename}.code`)
    return kept.subarray(0, 32).equals(createHash('sha256').update(source).digest()) ? kept.subarray(32) : undefined
  } catch {
    return undefined
  }
}

if (process.sourceMapsEnabled) { // Node maps only what it has loaded itself
  require(filename)
} else {
  const source = readFileSync(filename, 'utf8')
  const script = new Script(wrap(source), { filename, cachedData: codeOf(source) })
  script.runInThisContext()(exports, require, module, filename, __dirname)
}
