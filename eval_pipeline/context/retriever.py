"""The shared context as a LangChain retriever, which can replace an agent's own."""

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from typing_extensions import override

from eval_pipeline.context.shared_context import get_shared_context


class SharedContextRetriever(BaseRetriever):
    """Documents of the shared context: from a live lexical search, or those stored in the snapshot for the case."""

    k: int = 4
    """The most documents returned."""
    precomputed: bool = False
    """Return the case's similar documents whatever the query is."""

    @override
    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        context = get_shared_context()
        similar = context.similar_documents()[: self.k] if self.precomputed else context.search_documents(query, self.k)
        return [
            Document(
                id=document.id, page_content=document.text, metadata={**document.metadata, "score": document.score}
            )
            for document in similar
        ]
