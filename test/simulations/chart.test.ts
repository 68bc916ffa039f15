import test from 'ava'
import { drawChart, type Chart } from '../../simulations/chart.ts'

const chart: Chart = {
  title: 'Cost & <size>',
  xLabel: 'nodes',
  xs: [10, 100, 1000],
  left: { label: 'messages', color: 'blue', values: [0, 15, 30] },
  right: { label: 'seconds', color: 'red', values: [0.5, 0.25, 1] }
}

const pointsOf = (svg: string): number[][][] =>
  [...svg.matchAll(/<polyline [^>]*points="([^"]*)"/g)].map(([, points = '']) => points.split(' ').map((point) => point.split(',').map(Number)))

test('each value has its point, over the logarithm of its place and against its own axis', (t) => {
  const [left, right] = pointsOf(drawChart(chart))
  t.deepEqual(left, [[70, 360], [380, 270], [690, 180]]) // 50 is the top of the left axis
  t.deepEqual(right, [[70, 210], [380, 285], [690, 60]]) // 1 that of the right
})

test('labels, legends and sizes are there, and what text must not hold is escaped', (t) => {
  const svg = drawChart(chart)
  for (const what of ['>Cost &amp; &lt;size&gt;<', '>nodes<', '>messages<', '>seconds<', '>10<', '>100<', '>1,000<', '>0.2<', '>50<']) t.true(svg.includes(what), what)
  t.true(svg.startsWith('<svg ') && svg.endsWith('</svg>\n'))
})

test('one size alone, and nothing but zeros, are drawn too', (t) => {
  const [left] = pointsOf(drawChart({ ...chart, xs: [10], left: { ...chart.left, values: [0] }, right: { ...chart.right, values: [0] } }))
  t.deepEqual(left, [[70, 360]])
})
