"""Routes of the API, wherever they are mounted."""

from django.urls import path

from api import views

urlpatterns = [
    path("search", views.SearchView.as_view(), name="search"),
    path("export", views.ExportView.as_view(), name="export"),
]
