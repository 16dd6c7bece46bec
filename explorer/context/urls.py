"""Routes of the pages around a post."""

from django.urls import path

from explorer.context.author import AuthorPage
from explorer.context.interactions import InteractionsPage
from explorer.context.thread import ThreadPage

urlpatterns = [
    path("thread", ThreadPage.as_view()),
    path("interactions", InteractionsPage.as_view()),
    path("author", AuthorPage.as_view()),
]
