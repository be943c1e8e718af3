"""What the pages of the report, the recorder and `eval-pipeline serve` share.

base.css             colours, dark and light, and every component: tables, tags, messages, calls, diffs, forms
templating.py        the template environment and the style sheets
values.py            forms of a value: images, LangChain's serialization, JSON in text
conversation.py      the messages and tool calls in inputs, outputs and recorded turns
showing.py           both of these as HTML; the one renderer of conversations
markdown.py          Markdown of agents as HTML without code, images and hidden addresses
diff.py              the words that differ between two texts
keys.js              keyboard: j, k, arrows, /, ?, paging

Text that agents, users and judges wrote reaches a page escaped.
"""
