"""Routes of the parts, below /fragments/status/."""

from django.urls import path

from explorer.status import views

urlpatterns = [path("now", views.Now.as_view()), path("held", views.Held.as_view())]
