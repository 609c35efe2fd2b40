import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const states = ['held', 'in part', 'not yet', 'no test']

/** A row of docs/requirements.md. */
const rows = [...readFileSync('docs/requirements.md', 'utf8').matchAll(/^\| ([RL]\d+) \|(.*)\|$/gm)].map(([, number = '', cells = '']) => {
  const [requirement = '', source = '', state = '', ...more] = cells.split('|').map(cell => cell.trim())
  const [word = '', why = ''] = state.split(': ')
  return { number, requirement, source, word, why, more }
})

/** What tests promise: the titles in the sources, and those that are data of a test. */
const titles = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts')).flatMap(path =>
  [...readFileSync(join('test', path), 'utf8').matchAll(/(?:\.test\(\s*|\btitle: )(['"`])((?:\\.|(?!\1).)*)\1/gs)]
    .map(([, , title = '']) => ({ path, title })))

/** The numbers that a title begins with. */
const citedBy = (title: string): string[] => /^(?:[RL]\d+ )*/.exec(title)?.[0].split(' ').filter(Boolean) ?? []
const cited = new Set(titles.flatMap(({ title }) => citedBy(title)))

t.test('the page and the titles are read as they are written', async t => {
  t.ok(titles.length > 1_000)
  t.ok(titles.some(({ title }) => title.startsWith('R13 R33 ')))
  t.same(citedBy('R13 L05 what is no key set'), ['R13', 'L05'])
  t.same(citedBy('a title without R1'), [])
})

t.test('every requirement has one row, in order, with a sentence, a source and a state', async t => {
  for (const [letter, width] of [['R', 1], ['L', 2]] as const) {
    const numbers = rows.map(({ number }) => number).filter(number => number.startsWith(letter))
    t.same(numbers, numbers.map((_, index) => letter + String(index + 1).padStart(width, '0')))
  }
  for (const { number, requirement, source, word, why, more } of rows) {
    t.match(requirement, /^\S.*\.$/, number)
    t.ok(source, number)
    t.ok(states.includes(word), `${number} ${word}`)
    t.equal(why === '', word === 'held', `${number} says why`)
    t.same(more, [], number)
  }
})

t.test('every number that a title cites is a requirement, and stands at its beginning', async t => {
  const known = new Set(rows.map(({ number }) => number))
  for (const { path, title } of titles) {
    for (const number of citedBy(title)) t.ok(known.has(number), `${path}: ${title}`)
    const rest = title.slice(citedBy(title).join(' ').length)
    if (/\b[RL]\d{1,2}\b/.test(rest)) t.fail(`${path}: ${title}`)
  }
})

t.test('a requirement that is held has a test, and one that is not built or cannot be tested has none', async t => {
  for (const { number, word } of rows) t.equal(cited.has(number), word === 'held' || word === 'in part', `${number} ${word}`)
})
