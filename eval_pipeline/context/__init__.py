"""The shared context: data that is queried once, stored as a snapshot, and read by every case.

plan.py             which sources, and the id that they give the context
sources.py          rows from files, SQL, databases and callables; queries.py and table_files.py read them
retrieval.py        documents similar to a case; patterns.py: patterns that a chat model finds
build.py            build and publish a snapshot, or reuse it; build_recorder.py traces the steps
manifest.py         what a snapshot consists of, with checksums
warm_copy.py        the copy of a snapshot on this host, which processes map into memory
shared_context.py   what agents and judges read; retriever.py: the same as a LangChain retriever
"""
