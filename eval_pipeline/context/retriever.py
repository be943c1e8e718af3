"""The shared context as a LangChain retriever, so that an agent's own retriever can be exchanged for it."""

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from typing_extensions import override

from eval_pipeline.context.shared_context import get_shared_context


class SharedContextRetriever(BaseRetriever):
    """Documents of the shared context: a live lexical search, or what was found for the case beforehand."""

    k: int = 4
    """How many documents at most."""
    precomputed: bool = False
    """Return the case's similar documents whatever the query is."""

    @override
    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        context = get_shared_context()
        found = context.similar_documents()[: self.k] if self.precomputed else context.search_documents(query, self.k)
        return [
            Document(
                id=document.id, page_content=document.text, metadata={**document.metadata, "score": document.score}
            )
            for document in found
        ]
